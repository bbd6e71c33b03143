"""Every error is `{code, message, status}` and tells nothing of the inside (contract 2.2, promise 23)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, served
from zhiku.log import tell_error


@pytest.fixture
def client(tmp_path: Path) -> Iterator[tuple[Client, dict[str, str]]]:
    with served(tmp_path, stand_ins.router) as made:
        yield made


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("bad", 400, "bad_request"), ("disk", 507, "storage_full"), ("read-only", 503, "unavailable")],
)
def test_a_failure_with_a_name_has_the_envelope(
    client: tuple[Client, dict[str, str]], kind: str, status: int, code: str
) -> None:
    reply = client[0].request("POST", f"/failures/{kind}")
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/json"
    assert set(reply.json()) == {"code", "message", "status"}
    assert (reply.json()["code"], reply.json()["status"]) == (code, status)
    assert "secret" not in reply.text


def test_an_unexpected_failure_is_a_500_that_tells_nothing(client: tuple[Client, dict[str, str]]) -> None:
    with capture_logs(processors=[tell_error]) as logs:
        reply = client[0].request("POST", "/failures/other?keyword=private", headers={"X-Request-Id": "abc-1"})
    assert reply.status_code == 500
    assert reply.json() == {"code": "internal_server_error", "message": "An internal error occurred.", "status": 500}
    (entry,) = logs
    assert (entry["error"], entry["route"], entry["request_id"]) == ("Broken", "/failures/{kind}", "abc-1")
    assert any("stand_ins.py" in place for place in entry["at"])
    assert not {"secret", "private"} & set(json.dumps(entry).replace('"', " ").split())


def test_a_wrong_field_is_named_in_message_and_params(client: tuple[Client, dict[str, str]]) -> None:
    send, key = client
    reply = send.request("POST", "/datasets", headers=key, json={"name": "a", "top_k": 0})
    assert reply.status_code == 400
    assert reply.json() == {
        "code": "invalid_param",
        "message": "top_k: Input should be greater than or equal to 1",
        "status": 400,
        "params": "top_k",
    }


@pytest.mark.parametrize("header", [None, "Bearer", "Basic abc", "Bearer wrong"])
def test_a_refused_key_says_how_to_sign_in(client: tuple[Client, dict[str, str]], header: str | None) -> None:
    reply = client[0].request("GET", "/datasets", headers={"Authorization": header} if header else {})
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == 'Bearer realm="api"'
    assert (reply.json()["code"], reply.json()["status"]) == ("unauthorized", 401)
    assert "wrong" not in reply.text
