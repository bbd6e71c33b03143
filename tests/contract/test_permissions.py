"""What a key may do and see: roles, scopes, members, the API switch (contract 2.1, 2.2, D2, 3.2-3, 12.10, 13)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state, switch_api
from tests.contract.key_holders import Holder, call, holder, keyed
from tests.product import Product, open_product
from zhiku.db.engine import Database

NO_PERMISSION = (403, "forbidden", "No permission.")
NO_DATASET = (404, "not_found", "Dataset not found.")
HIDDEN = (403, "forbidden", "You do not have permission to access this dataset.")
HIDDEN_DETAIL = (403, "forbidden", "Insufficient permissions to access this knowledge base.")
SWITCHED_OFF = (403, "forbidden", "Dataset api access is not enabled.")
INVALID = (401, "unauthorized", "Access token is invalid")

GET_DATASET = "GET /datasets/{dataset_id:id}"
DELETE_DATASET = "DELETE /datasets/{dataset_id:id}"


# The last words of the paths that are asked by POST and change nothing.
READ_BY_POST = {"retrieve", "download-zip", "tags", "explain", "estimate"}


@pytest.fixture
def either(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku on each of the two engines in turn."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


@pytest.fixture
def reader(product: Product) -> Holder:
    return holder(product, role="read")


def test_a_read_key_shows_lists_and_retrieves(product: Product, reader: Holder, name: str) -> None:
    dataset_id = product.create_dataset(name)
    document = product.add_text(dataset_id, "text", "alpha\nbeta", process_rule=by_line())["document"]["id"]
    product.settle()
    base = f"/v1/datasets/{dataset_id}"
    for path in ("/v1/datasets", base, f"{base}/documents", f"{base}/documents/{document}/segments", f"{base}/tags"):
        got(reader.get(path))
    for alias in ("retrieve", "hit-testing"):
        assert got(reader.post(f"{base}/{alias}", json={"query": "alpha"}))["records"] != []
    got(reader.post(f"{base}/tags"))
    assert reader.post(f"{base}/documents/download-zip", json={"document_ids": [document]}).status_code in (200, 404)


@pytest.mark.parametrize("operation", keyed(writing=True))
def test_a_read_key_that_writes_is_refused_before_its_body_is_read(
    product: Product, reader: Holder, dataset_id: str, operation: str
) -> None:
    before = state(product)
    assert refusal(call(reader, operation, dataset_id)) == NO_PERMISSION
    assert state(product) == before


def test_only_what_changes_nothing_is_open_to_a_read_key_with_post() -> None:
    reading = {operation for operation in keyed(writing=False) if not operation.startswith("GET ")}
    assert {operation.rsplit("/", 1)[1] for operation in reading} <= READ_BY_POST
    assert {"POST /datasets/{dataset_id:id}/retrieve", "POST /apps/{app_id:id}/retrieve"} <= reading


@pytest.mark.parametrize("operation", keyed(writing=True, of_dataset=True))
def test_a_dataset_that_is_not_there_comes_before_the_role(reader: Holder, operation: str) -> None:
    assert refusal(call(reader, operation, UNKNOWN)) == NO_DATASET


def test_the_role_comes_before_the_rate(fresh: Product) -> None:
    reader = holder(fresh, role="read", rate_limit_per_minute=1)
    dataset_id = fresh.create_dataset()
    for _ in range(3):
        assert refusal(call(reader, DELETE_DATASET, dataset_id)) == NO_PERMISSION
    got(reader.post(f"/v1/datasets/{dataset_id}/retrieve", json={"query": "refused requests were not counted"}))


def test_a_write_key_changes_datasets_and_what_is_in_them(product: Product, name: str) -> None:
    writer = holder(product, role="write")
    dataset_id = got(writer.post("/v1/datasets", json={"name": name}))["id"]
    got(writer.post(f"/v1/datasets/{dataset_id}/metadata/built-in/enable"))
    assert call(writer, DELETE_DATASET, dataset_id).status_code == 204


def test_a_scoped_key_lists_and_shows_its_datasets_only(either: Product) -> None:
    mine, other = either.create_dataset("mine"), either.create_dataset("other")
    scoped = holder(either, dataset_ids=[mine.upper()])
    assert scoped.listed() == [mine]
    assert scoped.listed(include_all=True) == [mine]
    assert scoped.listed(keyword="other") == []
    assert got(call(scoped, GET_DATASET, mine))["id"] == mine
    assert refusal(call(scoped, GET_DATASET, other)) == NO_DATASET
    assert sorted(holder(either).listed()) == sorted([mine, other])


@pytest.mark.parametrize("operation", keyed(of_dataset=True))
def test_a_dataset_outside_the_scope_is_as_good_as_none(
    product: Product, dataset_id: str, name: str, operation: str
) -> None:
    scoped = holder(product, role="admin", dataset_ids=[product.create_dataset(f"mine of {name}")])
    before = state(product)
    assert refusal(call(scoped, operation, dataset_id)) == NO_DATASET
    assert state(product) == before


@pytest.mark.parametrize("verb", ["binding", "unbinding"])
def test_a_tag_is_not_bound_outside_the_scope(product: Product, dataset_id: str, name: str, verb: str) -> None:
    mine = product.create_dataset(f"mine of {name}")
    scoped = holder(product, dataset_ids=[mine])
    tag = got(scoped.post("/v1/datasets/tags", json={"name": name}))["id"]
    reply = scoped.post(f"/v1/datasets/tags/{verb}", json={"tag_ids": [tag], "target_id": dataset_id})
    assert refusal(reply) == (404, "not_found", "Dataset not found")
    got(scoped.post(f"/v1/datasets/tags/{verb}", json={"tag_ids": [tag], "target_id": mine}))


def test_a_tag_outside_the_scope_is_not_counted_and_cannot_be_changed(either: Product) -> None:
    mine, other = either.create_dataset("mine"), either.create_dataset("other")
    scoped = holder(either, dataset_ids=[mine])
    tag = got(either.api.post("/v1/datasets/tags", json={"name": "shared"}))["id"]
    got(either.api.post("/v1/datasets/tags/binding", json={"tag_ids": [tag], "target_id": mine}))
    got(either.api.post("/v1/datasets/tags/binding", json={"tag_ids": [tag], "target_id": other}))
    assert [each["binding_count"] for each in got(scoped.get("/v1/datasets/tags"))] == ["1"]
    assert [each["binding_count"] for each in got(either.api.get("/v1/datasets/tags"))] == ["2"]
    for method in ("PATCH", "DELETE"):
        reply = scoped.request(method, "/v1/datasets/tags", json={"tag_id": tag, "name": "new"})
        assert refusal(reply) == NO_PERMISSION
    got(either.api.post("/v1/datasets/tags/unbinding", json={"tag_ids": [tag], "target_id": other}))
    assert got(scoped.request("PATCH", "/v1/datasets/tags", json={"tag_id": tag, "name": "new"}))["binding_count"] == 1
    got(scoped.request("DELETE", "/v1/datasets/tags", json={"tag_id": tag}))


def test_an_app_with_a_dataset_outside_the_scope_is_as_good_as_none(either: Product) -> None:
    mine, other = either.create_dataset("mine"), either.create_dataset("other")
    scoped = holder(either, dataset_ids=[mine])
    wide = got(either.api.post("/v1/apps", json={"name": "wide", "dataset_ids": [mine, other]}))["id"]
    narrow = got(either.api.post("/v1/apps", json={"name": "narrow", "dataset_ids": [mine]}))["id"]
    listed = got(scoped.get("/v1/apps"))
    assert ([app["id"] for app in listed["data"]], listed["total"]) == ([narrow], 1)
    body = {"query": "a question"}
    got(scoped.post(f"/v1/apps/{narrow}/retrieve", json=body))
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/retrieve")):
        refused = refusal(scoped.request(method, f"/v1/apps/{wide}{path}", json=body))
        assert refused == (404, "not_found", "App not found.")
    for method, path in (("POST", "/v1/apps"), ("PATCH", f"/v1/apps/{narrow}")):
        reply = scoped.request(method, path, json={"name": "new", "dataset_ids": [mine, other]})
        assert refusal(reply) == NO_DATASET


def test_a_dataset_that_a_scoped_key_creates_is_in_its_scope(either: Product) -> None:
    first = either.create_dataset("first")
    scoped = holder(either, dataset_ids=[first])
    made = got(scoped.post("/v1/datasets", json={"name": "made"}))["id"]
    assert sorted(scoped.listed()) == sorted([first, made])
    assert got(either.api.get(f"/v1/keys/{scoped.id}"))["dataset_ids"] == sorted([first, made])


def test_a_key_whose_last_dataset_is_deleted_is_disabled_and_not_widened(either: Product) -> None:
    first, second = either.create_dataset("first"), either.create_dataset("second")
    either.create_dataset("third")
    scoped = holder(either, dataset_ids=[first, second])
    assert call(scoped, DELETE_DATASET, first).status_code == 204
    assert scoped.listed() == [second]
    assert call(scoped, DELETE_DATASET, second).status_code == 204
    assert refusal(scoped.get("/v1/datasets")) == INVALID
    shown = got(either.api.get(f"/v1/keys/{scoped.id}"))
    assert (shown["status"], shown["dataset_ids"], shown["revoked_at"]) == ("disabled", [], None)
    fourth = either.create_dataset("fourth")
    assert refusal(scoped.get("/v1/datasets")) == INVALID
    got(either.api.patch(f"/v1/keys/{scoped.id}", json={"dataset_ids": [fourth]}))
    assert scoped.listed() == [fourth]


def test_a_member_lists_what_all_may_see_its_own_and_what_lists_it(either: Product) -> None:
    member, stranger = holder(either, is_member=True), holder(either, is_member=True)
    listing = {"permission": "partial_members", "partial_member_list": [UNKNOWN, {"user_id": member.actor_id.upper()}]}
    seen = {
        either.create_dataset("of all", permission="all_team_members"),
        either.create_dataset("of some", **listing),
        got(member.post("/v1/datasets", json={"name": "own", "permission": "only_me"}))["id"],
        got(member.post("/v1/datasets", json={"name": "shared", "permission": "partial_members"}))["id"],
    }
    unseen = {
        either.create_dataset("the owner's"),
        either.create_dataset("of others", permission="partial_members", partial_member_list=[stranger.actor_id]),
        got(stranger.post("/v1/datasets", json={"name": "a stranger's"}))["id"],
    }
    assert set(member.listed()) == seen
    for dataset_id in seen:
        assert got(call(member, GET_DATASET, dataset_id))["id"] == dataset_id
    for dataset_id in unseen:
        assert refusal(call(member, GET_DATASET, dataset_id)) == HIDDEN_DETAIL
    assert set(member.listed(include_all=True)) == seen
    for owner_query in ({}, {"include_all": True}):
        assert set(holder(either).listed(**owner_query)) == seen | unseen


@pytest.mark.parametrize("operation", keyed(of_dataset=True))
def test_a_hidden_dataset_is_refused_and_only_showing_it_says_it_otherwise(
    product: Product, dataset_id: str, operation: str
) -> None:
    member = holder(product, role="admin", is_member=True)
    expected = HIDDEN_DETAIL if operation == GET_DATASET else HIDDEN
    before = state(product)
    assert refusal(call(member, operation, dataset_id)) == expected
    assert state(product) == before


def test_a_tag_is_not_bound_to_a_hidden_dataset(product: Product, dataset_id: str, name: str) -> None:
    member = holder(product, is_member=True)
    tag = got(member.post("/v1/datasets/tags", json={"name": name}))["id"]
    reply = member.post("/v1/datasets/tags/binding", json={"tag_ids": [tag], "target_id": dataset_id})
    assert refusal(reply) == HIDDEN


def test_what_a_member_makes_bears_the_member(product: Product, name: str) -> None:
    member = holder(product, is_member=True, actor_name="Ada 阿达")
    made = got(member.post("/v1/datasets", json={"name": name}))
    assert (made["created_by"], made["updated_by"], made["author_name"]) == (member.actor_id,) * 2 + ("Ada 阿达",)
    owner = got(product.api.post("/v1/datasets", json={"name": f"{name} of the owner"}))
    assert owner["author_name"] == "admin"
    assert owner["created_by"] != member.actor_id


def test_a_scoped_member_sees_what_both_allow(either: Product) -> None:
    shown = either.create_dataset("shown", permission="all_team_members")
    hidden = either.create_dataset("hidden")
    either.create_dataset("outside", permission="all_team_members")
    member = holder(either, is_member=True, dataset_ids=[shown, hidden])
    assert member.listed() == [shown]
    assert refusal(call(member, GET_DATASET, hidden)) == HIDDEN_DETAIL


@pytest.mark.parametrize("operation", keyed(of_dataset=True))
def test_a_dataset_with_its_api_switched_off_is_refused(product: Product, dataset_id: str, operation: str) -> None:
    switch_api(product, dataset_id, is_on=False)
    assert refusal(call(holder(product, role="admin"), operation, dataset_id)) == SWITCHED_OFF


def test_an_admin_key_switches_the_api_of_a_dataset_off_and_on(product: Product, dataset_id: str) -> None:
    admin = holder(product, role="admin", dataset_ids=[dataset_id])
    path = f"/v1/datasets/{dataset_id}"
    assert got(admin.request("PATCH", path, json={"enable_api": False}))["enable_api"] is False
    assert refusal(admin.get(path)) == SWITCHED_OFF
    for body in ({}, {"name": "new"}, {"enable_api": None}, {"enable_api": True, "name": ""}):
        assert refusal(admin.request("PATCH", path, json=body)) == SWITCHED_OFF
    assert [row["enable_api"] for row in got(admin.get("/v1/datasets"))["data"]] == [False]
    assert got(admin.request("PATCH", path, json={"enable_api": True}))["enable_api"] is True
    got(admin.get(path))


def test_another_key_leaves_the_switch_where_it_is(product: Product, dataset_id: str, name: str) -> None:
    writer = holder(product, role="write")
    path = f"/v1/datasets/{dataset_id}"
    assert refusal(writer.request("PATCH", path, json={"enable_api": False})) == NO_PERMISSION
    # Clients send back the whole object that they got.
    whole = got(writer.get(path)) | {"description": f"about {name}"}
    assert got(writer.request("PATCH", path, json=whole))["description"] == f"about {name}"
    switch_api(product, dataset_id, is_on=False)
    for is_on in (True, False):
        assert refusal(writer.request("PATCH", path, json={"enable_api": is_on})) == SWITCHED_OFF


def test_permission_comes_before_the_switch(product: Product, dataset_id: str) -> None:
    switch_api(product, dataset_id, is_on=False)
    assert refusal(call(holder(product, is_member=True), GET_DATASET, dataset_id)) == HIDDEN_DETAIL
