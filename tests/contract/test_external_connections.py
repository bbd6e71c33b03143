"""Connections to external sources: tried, kept with an encrypted key, changed and deleted (contract 10.2)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.calls import UNKNOWN, got, refusal
from tests.external_source import KEY, PROBED, ExternalSource
from tests.product import Product, open_product
from zhiku.access.service import KeyHolder, KeyRights, create_key
from zhiku.db.engine import Database
from zhiku.db.tables import external_connections

ROUTE = "/v1/datasets/external-knowledge-api"


@pytest.fixture
def source() -> Iterator[ExternalSource]:
    with ExternalSource() as opened:
        yield opened


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku whose operator allows loopback."""
    with open_product(tmp_path / "data", sqlite_database, outbound_hosts="127.0.0.1") as opened:
        yield opened


def wanted(source: ExternalSource, **fields: Any) -> dict[str, Any]:
    return {"name": "Other", "settings": {"endpoint": source.endpoint, "api_key": KEY}} | fields


def connect(product: Product, source: ExternalSource, **fields: Any) -> str:
    return got(product.api.post(ROUTE, json=wanted(source, **fields)))["id"]


def bind(product: Product, connection_id: str, name: str = "Bound") -> str:
    ids = {"external_knowledge_api_id": connection_id, "external_knowledge_id": "manual"}
    return product.create_dataset(name, provider="external", **ids)


def stored_keys(product: Product) -> list[str]:
    with product.rt.db.read() as conn:
        return list(conn.execute(select(external_connections.c.sealed_key)).scalars())


def test_a_connection_is_shown_without_its_key(product: Product, source: ExternalSource) -> None:
    made = product.api.post(ROUTE, json=wanted(source, description="Manuals"))
    body = got(made)
    assert (body["name"], body["description"]) == ("Other", "Manuals")
    assert body["settings"] == {"endpoint": source.endpoint, "api_key": "[__HIDDEN__]"}
    assert body["dataset_bindings"] == []
    shown = product.api.get(f"{ROUTE}/{body['id']}")
    assert got(shown) == body
    listed = product.api.get(ROUTE)
    assert got(listed)["data"] == [body]
    assert not any(KEY in reply.text for reply in (made, shown, listed))


def test_the_key_is_encrypted_at_rest(product: Product, source: ExternalSource) -> None:
    connect(product, source)
    connect(product, source)
    one, other = stored_keys(product)
    assert KEY not in one + other
    assert one != other
    key_file = product.rt.settings.secret_key_file
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_a_source_is_tried_with_an_empty_question_before_it_is_kept(product: Product, source: ExternalSource) -> None:
    connect(product, source, settings={"endpoint": source.endpoint + "/", "api_key": KEY})
    call = source.asked[0]
    assert (call.path, call.authorization) == ("/v1/retrieval", f"Bearer {KEY}")
    assert call.question == PROBED
    assert call.host == f"127.0.0.1:{source.port}"


@pytest.mark.parametrize("status", [403, 404, 502])
def test_a_source_that_answers_403_404_or_502_is_refused(product: Product, source: ExternalSource, status: int) -> None:
    source.say(b"no", status)
    code, name, message = refusal(product.api.post(ROUTE, json=wanted(source)))
    assert (code, name) == (400, "invalid_param")
    assert str(status) in message
    assert KEY not in message
    assert stored_keys(product) == []


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_source_that_answers_anything_else_is_kept(product: Product, source: ExternalSource, status: int) -> None:
    source.say(b"what?", status)
    connect(product, source)


def test_a_source_that_nobody_serves_is_refused(product: Product) -> None:
    with ExternalSource() as gone:
        body = wanted(gone)
    status, code, message = refusal(product.api.post(ROUTE, json=body))
    assert (status, code) == (400, "invalid_param")
    assert "could not be reached" in message


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://[::1]:{port}",
        "http://[::ffff:127.0.0.1]:{port}",
        "http://2130706433:{port}",
        "http://0.0.0.0:{port}",
        "http://169.254.169.254/latest",
        "http://10.0.0.1",
        "http://192.168.1.1",
        "http://[64:ff9b::7f00:1]",
        "http://[fe80::1]",
    ],
)
def test_an_address_that_is_not_public_is_refused_unless_the_operator_lists_it(
    fresh: Product, source: ExternalSource, endpoint: str
) -> None:
    settings = {"endpoint": endpoint.format(port=source.port), "api_key": KEY}
    status, code, message = refusal(fresh.api.post(ROUTE, json={"name": "Other", "settings": settings}))
    assert (status, code) == (400, "invalid_param")
    assert "ZHIKU_OUTBOUND_HOSTS" in message
    assert source.asked == []


@pytest.mark.parametrize("hosts", ["localhost", "other.example, LOCALHOST", "127.0.0.0/8,::1", "127.0.0.1 , ::1"])
def test_the_operator_lists_names_addresses_and_networks(
    tmp_path: Path, sqlite_database: Database, source: ExternalSource, hosts: str
) -> None:
    with open_product(tmp_path / "data", sqlite_database, outbound_hosts=hosts) as opened:
        settings = {"endpoint": f"http://localhost:{source.port}", "api_key": KEY}
        got(opened.api.post(ROUTE, json={"name": "Other", "settings": settings}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None), ("name", ""), ("name", " "), ("name", 7), ("name", "x" * 256), ("name", "a\0b"),
        ("description", 7), ("description", "x" * 401), ("settings", None), ("settings", "x"), ("settings", []),
        ("settings.endpoint", None), ("settings.endpoint", ""), ("settings.endpoint", 7),
        ("settings.endpoint", "ftp://example.com"), ("settings.endpoint", "example.com"),
        ("settings.endpoint", "http://"), ("settings.endpoint", "http://user:word@example.com"),
        ("settings.endpoint", "http://example.com/?a=b"), ("settings.endpoint", "http://example.com/#a"),
        ("settings.endpoint", "http://example.com:port"), ("settings.endpoint", "http://example.com/a b"),
        ("settings.endpoint", "http://example.com/\r\nX: y"), ("settings.endpoint", "http://例子.cn"),
        ("settings.endpoint", "http://[::1"), ("settings.endpoint", "http://example.com/" + "x" * 2000),
        ("settings.api_key", None), ("settings.api_key", ""), ("settings.api_key", 7), ("settings.api_key", "a\nb"),
        ("settings.api_key", "钥"), ("settings.api_key", "x" * 1001),
    ],
)  # fmt: skip
def test_a_wrong_value_is_400_and_names_the_field(
    product: Product, source: ExternalSource, field: str, value: Any
) -> None:
    body = wanted(source)
    name, _, inner = field.partition(".")
    body[name] = body[name] | {inner: value} if inner else value
    status, code, message = refusal(product.api.post(ROUTE, json=body))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(field)
    assert source.asked == []
    if value is not None:
        connection_id = connect(product, source)
        sent = {name: {inner: value}} if inner else {name: value}
        assert refusal(product.api.patch(f"{ROUTE}/{connection_id}", json=sent))[:2] == (400, "invalid_param")


def test_the_list_is_paged_newest_first_and_searched_by_name(product: Product, source: ExternalSource) -> None:
    for name in ("One", "Two", "Three"):
        connect(product, source, name=name)
    body = got(product.api.get(ROUTE, params={"page": 1, "limit": 2}))
    assert [each["name"] for each in body["data"]] == ["Three", "Two"]
    assert (body["total"], body["has_more"], body["page"], body["limit"]) == (3, True, 1, 2)
    assert [each["name"] for each in got(product.api.get(ROUTE, params={"keyword": "TW"}))["data"]] == ["Two"]


def test_what_is_absent_stays_when_a_connection_is_changed(product: Product, source: ExternalSource) -> None:
    connection_id = connect(product, source, description="Manuals")
    before = stored_keys(product)
    body = got(product.api.patch(f"{ROUTE}/{connection_id}", json={"name": "Renamed"}))
    assert (body["name"], body["description"]) == ("Renamed", "Manuals")
    assert got(product.api.patch(f"{ROUTE}/{connection_id}", json={})) == body
    assert stored_keys(product) == before
    assert len(source.asked) == 1


def test_another_endpoint_or_key_is_tried_before_it_is_kept(product: Product, source: ExternalSource) -> None:
    connection_id = connect(product, source)
    path = f"{ROUTE}/{connection_id}"
    # Dify's console sends the mask back.
    settings = {"endpoint": f"{source.endpoint}/deeper", "api_key": "[__HIDDEN__]"}
    assert got(product.api.patch(path, json={"settings": settings}))["settings"]["endpoint"] == settings["endpoint"]
    assert (source.asked[-1].path, source.asked[-1].authorization) == ("/v1/deeper/retrieval", f"Bearer {KEY}")
    got(product.api.patch(path, json={"settings": {"api_key": "another"}}))
    assert source.asked[-1].authorization == "Bearer another"
    source.say(b"", 403)
    before = got(product.api.get(path)), stored_keys(product)
    assert refusal(product.api.patch(path, json={"settings": {"api_key": "wrong"}}))[:2] == (400, "invalid_param")
    assert (got(product.api.get(path)), stored_keys(product)) == before


def test_the_key_cannot_be_had_by_sending_it_to_another_host(product: Product, source: ExternalSource) -> None:
    connection_id = connect(product, source)
    with ExternalSource() as thief:
        reply = product.api.patch(f"{ROUTE}/{connection_id}", json={"settings": {"endpoint": thief.endpoint}})
        assert refusal(reply)[1] == "invalid_param"
        assert "settings.api_key" in refusal(reply)[2]
        assert thief.asked == []


def test_a_connection_in_use_cannot_be_deleted(product: Product, source: ExternalSource) -> None:
    connection_id = connect(product, source)
    dataset_id = bind(product, connection_id)
    path = f"{ROUTE}/{connection_id}"
    assert got(product.api.get(path))["dataset_bindings"] == [{"id": dataset_id, "name": "Bound"}]
    assert refusal(product.api.delete(path))[:2] == (409, "external_connection_in_use")
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    assert product.api.delete(path).status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert refusal(product.api.request(method, path, json={}))[:2] == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_connection_is_404(product: Product, method: str) -> None:
    assert refusal(product.api.request(method, f"{ROUTE}/{UNKNOWN}", json={}))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    ("rights", "holder"),
    [
        (KeyRights("read"), KeyHolder()),
        (KeyRights("write"), KeyHolder()),
        (KeyRights("admin"), KeyHolder(is_member=True)),
    ],
)
def test_only_an_admin_key_to_everything_may_use_them(
    product: Product, source: ExternalSource, rights: KeyRights, holder: KeyHolder
) -> None:
    connection_id = connect(product, source)
    _, key = create_key(product.rt, "lesser", rights, holder)
    headers = {"Authorization": f"Bearer {key}"}
    for method, path in (("GET", ROUTE), ("POST", ROUTE), *((each, f"{ROUTE}/{connection_id}") for each in
                         ("GET", "PATCH", "DELETE"))):  # fmt: skip
        reply = product.anonymous.request(method, path, headers=headers, json=wanted(source))
        assert refusal(reply)[:2] == (403, "forbidden")
    assert len(source.asked) == 1
