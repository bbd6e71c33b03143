"""What any HTTP client of the API may rely on (contract 2.3, 11.1 to 11.3, 11.8, 11.16, D12 to D15)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, make_app, make_runtime, served
from tests.unit.http.stand_ins import DATASET, DOCUMENT
from zhiku.access.service import ensure_first_key

Made = tuple[Client, dict[str, str]]
BASE = "http://zhiku.test"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Made]:
    with served(tmp_path, stand_ins.router, json_body_bytes=10_000) as made:
        yield made


@pytest.mark.parametrize(
    "path",
    [
        f"/datasets/{DATASET}",
        f"/v1/datasets/{DATASET}",
        f"/datasets/{DATASET}/",
        f"/v1/datasets/{DATASET}///",
        f"//v1//datasets///{DATASET}",
        f"/datasets/{DATASET.upper()}",
        f"/datasets/{DATASET.replace('-', '%2D')}",
    ],
)
def test_a_path_has_many_spellings_and_no_redirect(client: Made, path: str) -> None:
    send, key = client
    reply = send.request("GET", BASE + path, headers=key)
    assert (reply.status_code, reply.json()) == (200, {"id": DATASET})


@pytest.mark.parametrize("name", ["update-by-text", "update_by_text"])
def test_an_alias_is_served_like_its_operation(client: Made, name: str) -> None:
    send, key = client
    path = f"/v1/datasets/{DATASET}/documents/{DOCUMENT}/{name}"
    assert send.request("POST", path, headers=key, json={"name": "a"}).json() == {"id": DOCUMENT, "name": "a"}


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json", None])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_whatever_the_content_type(client: Made, content_type: str | None, encoding: str) -> None:
    send, key = client
    headers = key | ({"Content-Type": content_type} if content_type else {})
    reply = send.request("POST", "/datasets", headers=headers, content='{"name": "知库"}'.encode(encoding))
    assert (reply.status_code, reply.json()["name"]) == (200, "知库")


@pytest.mark.parametrize("content", [b"", b"null", b" \n"])
def test_an_empty_body_will_do_where_nothing_is_required(client: Made, content: bytes) -> None:
    send, key = client
    headers = key | {"Content-Type": "application/json"}
    assert send.request("PATCH", f"/datasets/{DATASET}", headers=headers, content=content).status_code == 200
    assert send.request("DELETE", f"/datasets/{DATASET}", headers=headers, content=content).status_code == 204
    assert send.request("GET", "/datasets", headers=headers, content=content).status_code == 200
    reply = send.request("POST", "/datasets", headers=headers, content=content)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_request")


def test_a_body_on_get_is_ignored(client: Made) -> None:
    send, key = client
    assert send.request("GET", "/datasets", headers=key, content=b"{garbage").status_code == 200


def test_204_has_neither_body_nor_content_type(client: Made) -> None:
    send, key = client
    reply = send.request("DELETE", f"/datasets/{DATASET}", headers=key)
    assert (reply.status_code, reply.content, "content-type" in reply.headers) == (204, b"", False)


@pytest.mark.parametrize("path", ["/datasets", f"/v1/datasets/{DATASET}/", "/healthz"])
def test_head_works_on_every_get(client: Made, path: str) -> None:
    send, key = client
    got, head = (send.request(method, path, headers=key) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


def test_head_needs_the_key_too(client: Made) -> None:
    assert client[0].request("HEAD", "/datasets").status_code == 401


def test_options_tells_the_methods_without_a_key(client: Made) -> None:
    reply = client[0].request("OPTIONS", f"/v1/datasets/{DATASET}")
    assert (reply.status_code, reply.headers["allow"]) == (200, "GET, HEAD, PATCH, DELETE, OPTIONS")
    assert client[0].request("OPTIONS", "/nothing").status_code == 404


def test_a_preflight_is_allowed_with_what_it_asks_for(client: Made) -> None:
    headers = {
        "Origin": "https://pages.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "x-own",
    }
    reply = client[0].request("OPTIONS", f"/datasets/{DATASET}", headers=headers)
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert set(reply.headers["access-control-allow-methods"].split(", ")) == {
        "GET",
        "PUT",
        "POST",
        "DELETE",
        "OPTIONS",
        "PATCH",
    }
    assert reply.headers["access-control-allow-headers"] == "Content-Type, Authorization, X-App-Code, x-own"
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    ("path", "status"), [("/datasets", 401), ("/nothing", 404), ("/healthz", 200), ("/failures/x", 405)]
)
def test_every_reply_has_an_id_and_is_readable_from_other_origins(client: Made, path: str, status: int) -> None:
    replies = [client[0].request("GET", path) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [status, status]
    assert all(reply.headers["access-control-allow-origin"] == "*" for reply in replies)
    assert len({reply.headers["x-request-id"] for reply in replies}) == 2


def test_a_request_id_is_kept_if_it_is_harmless(client: Made) -> None:
    send, _ = client
    assert send.request("GET", "/healthz", headers={"X-Request-Id": "a.B-1"}).headers["x-request-id"] == "a.B-1"
    assert send.request("GET", "/healthz", headers={"X-Request-Id": "<b>"}).headers["x-request-id"] != "<b>"


def test_the_welcome_greets_programs_and_sends_browsers_to_the_console(client: Made) -> None:
    send, _ = client
    for path in ("/", "/v1", "/v1/"):
        body = send.request("GET", path).json()
        assert (set(body), body["api_version"]) == ({"welcome", "api_version", "server_version"}, "v1")
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    reply = send.request("GET", "/", headers=browser)
    assert (reply.status_code, reply.headers["location"]) == (302, "/console/")
    assert send.request("GET", "/v1", headers=browser).status_code == 200


def test_a_page_is_clamped_and_echoed(client: Made) -> None:
    send, key = client
    body = send.request("GET", "/datasets?limit=500&page=&keyword=", headers=key).json()
    assert body == {"data": [None], "has_more": False, "limit": 100, "total": 1, "page": 1}
    assert send.request("GET", "/datasets?page=0", headers=key).status_code == 400


def test_a_batch_is_any_text_without_a_slash(client: Made) -> None:
    send, key = client
    reply = send.request("GET", f"/datasets/{DATASET}/documents/2024%20a.b/indexing-status", headers=key)
    assert reply.json() == {"batch": "2024 a.b"}


def test_a_too_long_body_is_413_whether_its_length_is_told_or_not(client: Made) -> None:
    send, key = client

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 1000

    for content in (b" " * 11_000, chunks()):
        reply = send.request("POST", "/datasets", headers=key, content=content)
        assert (reply.status_code, reply.json()["code"]) == (413, "file_too_large")


def test_a_body_far_too_long_is_refused_before_it_is_read(client: Made) -> None:
    send, key = client

    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    reply = send.request("POST", "/datasets", headers=key | {"Content-Length": "9" * 30}, content=never())
    assert reply.status_code == 413
    reply = send.request("POST", "/datasets", content=never())
    assert reply.status_code == 401


def test_the_key_is_never_taken_from_the_query(client: Made) -> None:
    send, key = client
    secret = key["Authorization"].split()[1]
    assert send.request("GET", f"/datasets?api_key={secret}&authorization=Bearer+{secret}").status_code == 401


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"]),
    path=st.sampled_from(["/datasets", f"/datasets/{DATASET}", f"/datasets/{DATASET}/document/create-by-file"]),
    query=st.binary(max_size=30),
    body=st.binary(max_size=200),
    content_type=st.sampled_from(["application/json", "multipart/form-data; boundary=B", "multipart/form-data", ""]),
)
def test_no_bytes_make_the_server_fail(
    client: Made, method: str, path: str, query: bytes, body: bytes, content_type: str
) -> None:
    send, key = client
    reply = send.request(
        method, f"{BASE}{path}?page={quote(query)}", headers=key | {"Content-Type": content_type}, content=body
    )
    assert reply.status_code < 500
    if reply.status_code >= 400 and method != "HEAD":
        assert reply.json()["status"] == reply.status_code


def test_a_key_that_is_not_ascii_is_accepted_as_configured(tmp_path: Path) -> None:
    rt = make_runtime(tmp_path, api_key=SecretStr("钥匙 \u00a0é"))
    ensure_first_key(rt)
    with Client(make_app(rt, stand_ins.router)) as send:
        reply = send.request("GET", "/datasets", headers={"Authorization": "Bearer 钥匙 \u00a0é".encode()})
    assert reply.status_code == 200
