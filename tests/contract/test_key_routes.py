"""Making, changing and revoking keys over the API: for administrators, and the secret is shown once (contract 13)."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, got, refusal, state
from tests.contract.key_holders import Holder, holder
from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database

KEYS = "/v1/keys"
NO_KEY = (404, "not_found", "Key not found.")
NO_PERMISSION = (403, "forbidden", "No permission.")
INVALID = (401, "unauthorized", "Access token is invalid")
FIELDS = {
    "id", "name", "role", "dataset_ids", "status", "is_member", "actor_id", "actor_name", "rate_limit_per_minute",
    "created_at", "expires_at", "last_used_at", "revoked_at",
}  # fmt: skip
FUTURE = 4_000_000_000

WRONG: dict[str, list[Any]] = {
    "name": ["", " ", "\u3000", "x" * 256, 1, True, [], {}, "a\0b"],
    "role": ["owner", "", "READ", 1, True, [], {}, "read\0"],
    "dataset_ids": ["x", 1, True, {}, [], [1], [None], ["x" * 37], [UNKNOWN], ["not a uuid"], ["\0"], [UNKNOWN] * 1001],
    "expires_at": ["soon", "", 1.5, True, [], {}, -1, 0, 1_600_000_000, 253402300800, 10**30],
    "rate_limit_per_minute": ["many", "", 1.5, True, [], {}, -1, 1_000_001],
    "actor_name": ["", " ", "x" * 256, 1, True, [], {}, "a\0b"],
}
WRONG_AT_CREATION: dict[str, list[Any]] = {
    "is_member": ["maybe", 2, [], {}],
    "actor_id": ["me", "", 1, True, [], {}, UNKNOWN + "0"],
}


def cases(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(field, value) for field, values in table.items() for value in values]


@pytest.fixture
def key_id(product: Product) -> str:
    return holder(product).id


def test_a_new_key_is_shown_once_and_then_without_its_secret(product: Product) -> None:
    made = got(product.api.post(KEYS, json={"name": "反向代理 for the bot"}))
    assert set(made) == FIELDS | {"key"}
    assert made["key"].startswith("dataset-")
    assert len(made["key"]) >= len("dataset-") + 24
    assert UUID.fullmatch(made["id"])
    shown = got(product.api.get(f"{KEYS}/{made['id']}"))
    assert set(shown) == FIELDS
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in product.api.get(KEYS).text


def test_a_new_key_writes_everywhere_for_ever_unless_the_body_says_otherwise(product: Product, dataset_id: str) -> None:
    made = got(product.api.post(KEYS, json={"name": "plain"}))
    assert (made["role"], made["dataset_ids"], made["expires_at"]) == ("write", None, None)
    assert (made["is_member"], made["rate_limit_per_minute"], made["status"]) == (False, None, "active")
    assert (made["last_used_at"], made["revoked_at"], made["actor_name"]) == (None, None, "admin")
    assert made["actor_id"] == got(product.api.get(f"/v1/datasets/{dataset_id}"))["created_by"]


def test_a_new_key_is_what_the_body_says(product: Product, dataset_id: str, name: str) -> None:
    other = product.create_dataset(f"other of {name}")
    body = {
        "name": "partner",
        "role": "read",
        "dataset_ids": [dataset_id.upper(), other, dataset_id],
        "expires_at": FUTURE,
        "rate_limit_per_minute": 7,
        "is_member": True,
        "actor_id": "2FDAF7D3-0D0E-4B1C-9D3A-6F8F5D2A1B3C",
        "actor_name": "Ada",
    }
    made = got(product.api.post(KEYS, json=body))
    assert made["dataset_ids"] == sorted([dataset_id, other])
    assert made["actor_id"] == "2fdaf7d3-0d0e-4b1c-9d3a-6f8f5d2a1b3c"
    for field in body.keys() - {"dataset_ids", "actor_id"}:
        assert made[field] == body[field]


def test_a_member_without_a_name_is_called_as_the_key_and_is_somebody_new(product: Product) -> None:
    first, second = (got(product.api.post(KEYS, json={"name": "Bo", "is_member": True})) for _ in range(2))
    assert first["actor_name"] == "Bo"
    assert first["actor_id"] != second["actor_id"]


def test_keys_are_listed_newest_first_in_pages(fresh: Product) -> None:
    made = [holder(fresh, name=f"key {number}").id for number in range(3)]
    assert fresh.api.delete(f"{KEYS}/{made[0]}").status_code == 204
    first = got(fresh.api.get(KEYS, params={"limit": 3}))
    assert [key["id"] for key in first["data"]] == made[::-1]
    assert [key["status"] for key in first["data"]] == ["active", "active", "revoked"]
    assert (first["total"], first["has_more"], first["page"], first["limit"]) == (4, True, 1, 3)
    last = got(fresh.api.get(KEYS, params={"limit": 3, "page": 2}))
    assert ([key["name"] for key in last["data"]], last["has_more"]) == (["test"], False)
    assert got(fresh.api.get(KEYS, params={"limit": "", "page": 9}))["data"] == []


@pytest.mark.parametrize(("field", "value"), [("page", "0"), ("page", "x"), ("limit", "0"), ("limit", "1.5")])
def test_a_page_that_is_none_is_refused(product: Product, field: str, value: str) -> None:
    status, code, message = refusal(product.api.get(KEYS, params={field: value}))
    assert (status, code) == (400, "invalid_param")
    assert field in message


@pytest.mark.parametrize(("field", "value"), cases(WRONG | WRONG_AT_CREATION))
def test_a_wrong_field_of_a_new_key_is_named_and_no_key_is_made(product: Product, field: str, value: Any) -> None:
    before = state(product)
    status, code, message = refusal(product.api.post(KEYS, json={"name": "test", field: value}))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(field)
    assert state(product) == before


@pytest.mark.parametrize("body", [{}, {"name": None}])
def test_a_new_key_needs_a_name(product: Product, body: dict[str, Any]) -> None:
    status, code, message = refusal(product.api.post(KEYS, json=body))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("name: ")


@pytest.mark.parametrize(("field", "value"), cases(WRONG))
def test_a_wrong_field_of_a_change_is_named_and_the_key_stays(
    product: Product, key_id: str, field: str, value: Any
) -> None:
    before = got(product.api.get(f"{KEYS}/{key_id}"))
    reply = product.api.patch(f"{KEYS}/{key_id}", json={"name": "changed", "role": "read", field: value})
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(field)
    assert got(product.api.get(f"{KEYS}/{key_id}")) == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_object_makes_no_key(product: Product, content: bytes) -> None:
    before = state(product)
    assert refusal(product.api.post(KEYS, content=content))[0] == 400
    assert state(product) == before


def test_a_change_holds_from_the_next_request_on(product: Product, dataset_id: str) -> None:
    somebody = holder(product)
    where = f"{KEYS}/{somebody.id}"
    changed = got(product.api.patch(where, json={"name": "new", "role": "read", "dataset_ids": [dataset_id]}))
    assert (changed["name"], changed["role"], changed["dataset_ids"]) == ("new", "read", [dataset_id])
    assert somebody.listed() == [dataset_id]
    assert refusal(somebody.post("/v1/datasets", json={"name": "no"})) == NO_PERMISSION
    got(product.api.patch(where, json={"dataset_ids": None}))
    assert dataset_id in somebody.listed()


def test_what_a_change_leaves_out_stays_and_null_clears(product: Product, dataset_id: str) -> None:
    given = {"dataset_ids": [dataset_id], "expires_at": FUTURE, "rate_limit_per_minute": 3}
    somebody = holder(product, **given)
    where = f"{KEYS}/{somebody.id}"
    before = got(product.api.get(where))
    assert got(product.api.patch(where, json={})) == before
    assert got(product.api.patch(where, json={"name": None, "role": None, "actor_name": None})) == before
    assert got(product.api.patch(where, json={"actor_name": "Bo"})) == before | {"actor_name": "Bo"}
    cleared = got(product.api.patch(where, json=dict.fromkeys(given)))
    assert {name: cleared[name] for name in given} == dict.fromkeys(given)


def test_a_revoked_key_is_refused_and_stays_in_the_list(product: Product) -> None:
    somebody = holder(product)
    where = f"{KEYS}/{somebody.id}"
    got(somebody.get("/v1/datasets"))
    reply = product.api.delete(where)
    assert (reply.status_code, reply.content) == (204, b"")
    assert refusal(somebody.get("/v1/datasets")) == INVALID
    shown = got(product.api.get(where))
    assert shown["status"] == "revoked"
    assert shown["revoked_at"] >= shown["created_at"]
    assert refusal(product.api.delete(where)) == NO_KEY
    refused = refusal(product.api.patch(where, json={"name": "again"}))
    assert refused == (400, "invalid_action", "A revoked key cannot be changed. Create another one.")


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_key_is_not_found(product: Product, method: str) -> None:
    assert refusal(product.api.request(method, f"{KEYS}/{UNKNOWN}")) == NO_KEY


def test_an_administrator_can_revoke_the_key_in_use(product: Product) -> None:
    administrator = holder(product, role="admin")
    assert administrator.request("DELETE", f"{KEYS}/{administrator.id}").status_code == 204
    assert refusal(administrator.get(KEYS)) == INVALID


def unfit(product: Product, dataset_id: str) -> list[Holder]:
    return [
        holder(product, role="read"),
        holder(product, role="write"),
        holder(product, role="admin", dataset_ids=[dataset_id]),
        holder(product, role="admin", is_member=True),
    ]


@pytest.mark.parametrize("call", ["POST {}", "GET {}", "GET {}/{}", "PATCH {}/{}", "DELETE {}/{}"])
def test_only_an_admin_key_of_the_owner_to_all_datasets_administers_keys(
    product: Product, dataset_id: str, key_id: str, call: str
) -> None:
    method, path = call.format(KEYS, key_id).split()
    holders = unfit(product, dataset_id)
    before = state(product)
    for somebody in holders:
        assert refusal(somebody.request(method, path, content=b"{")) == NO_PERMISSION
    assert state(product) == before
    assert holder(product, role="admin").request(method, path, json={"name": "new"}).status_code in (200, 204)


def test_a_key_ends_when_it_expires(tmp_path: Path, database: Database, clock: FakeClock) -> None:
    with open_product(tmp_path / "data", database, clock) as product:
        somebody = holder(product, expires_at=int(clock.now()) + 60)
        got(somebody.get("/v1/datasets"))
        clock.advance(59)
        got(somebody.get("/v1/datasets"))
        clock.advance(1)
        assert refusal(somebody.get("/v1/datasets")) == INVALID
        where = f"{KEYS}/{somebody.id}"
        assert got(product.api.get(where))["status"] == "expired"
        got(product.api.patch(where, json={"expires_at": int(clock.now()) + 60}))
        got(somebody.get("/v1/datasets"))


def test_a_key_tells_when_it_was_used_last_and_no_request_waits_for_it(
    tmp_path: Path, database: Database, clock: FakeClock
) -> None:
    with open_product(tmp_path / "data", database, clock) as product:
        somebody = holder(product)
        where = f"{KEYS}/{somebody.id}"
        assert got(product.api.get(where))["last_used_at"] is None
        clock.advance(100)
        got(somebody.get("/v1/datasets"))
        used_at = int(clock.now())
        clock.advance(100)
        refusal(product.anonymous.get("/v1/datasets", headers={"Authorization": "Bearer other"}))
        assert got(product.api.get(where))["last_used_at"] == used_at
        listed = {key["id"]: key["last_used_at"] for key in got(product.api.get(KEYS))["data"]}
        assert listed[somebody.id] == used_at


def test_no_reply_log_or_file_has_a_key_in_it(fresh: Product, capfd: pytest.CaptureFixture[str]) -> None:
    somebody = holder(fresh, role="read")
    replies = [somebody.get(KEYS), somebody.get("/v1/datasets"), fresh.api.get(KEYS), fresh.api.get("/metrics")]
    captured = capfd.readouterr()
    for text in [captured.out, captured.err, *[reply.text + str(reply.headers) for reply in replies]]:
        assert somebody.key not in text
    for file in fresh.rt.settings.data_dir.parent.rglob("*"):
        assert somebody.key.encode() not in (file.read_bytes() if file.is_file() else b"")
