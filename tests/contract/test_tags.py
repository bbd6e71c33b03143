"""Tags and their bindings (contract 3.2-2, 7, 11.11, D32, D89 to D92)."""

from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, counted_statements, got, refusal, state
from tests.product import Product

DONE = {"result": "success"}
TAGS = "/v1/datasets/tags"


def make(product: Product, name: str) -> str:
    return got(product.api.post(TAGS, json={"name": name}))["id"]


def listed(product: Product, query: str = "") -> list[dict[str, Any]]:
    return got(product.api.get(f"{TAGS}{query}"))


def bind(product: Product, dataset_id: str, *tag_ids: str) -> None:
    assert got(product.api.post(f"{TAGS}/binding", json={"tag_ids": tag_ids, "target_id": dataset_id})) == DONE


def bound(product: Product, dataset_id: str) -> list[str]:
    return [tag["id"] for tag in got(product.api.get(f"/v1/datasets/{dataset_id}/tags"))["data"]]


def test_creating_a_tag_returns_it_with_a_number_as_count(product: Product) -> None:
    made = got(product.api.post(TAGS, json={"name": "New", "type": "app"}))
    assert made == {"id": made["id"], "name": "New", "type": "knowledge", "binding_count": 0}
    assert UUID.fullmatch(made["id"])


def test_a_taken_tag_name_is_400(product: Product) -> None:
    make(product, "Taken")
    before = state(product)
    reply = product.api.post(TAGS, json={"name": "Taken"})
    assert refusal(reply) == (400, "invalid_param", "Tag name already exists")
    assert state(product) == before


def test_tag_names_compare_exactly(product: Product) -> None:
    assert len({make(product, name) for name in ("Case", "case", "case ", "é", "e\u0301")}) == 5


@pytest.mark.parametrize("name", ["n" * 50, "标" * 50, "🏷" * 50, " x "])
def test_a_tag_name_of_up_to_50_characters_is_stored_as_sent(product: Product, name: str) -> None:
    assert got(product.api.post(TAGS, json={"name": name}))["name"] == name


@pytest.mark.parametrize("body", [{}, *({"name": name} for name in (None, "", " \t", "n" * 51, 5, [], {}, True, "\0"))])
def test_a_wrong_tag_name_is_400_and_changes_nothing(product: Product, body: dict[str, Any]) -> None:
    tag_id = make(product, "Before")
    before = state(product), listed(product)
    for reply in (product.api.post(TAGS, json=body), product.api.patch(TAGS, json={"tag_id": tag_id, **body})):
        status, code, message = refusal(reply)
        assert (status, code) == (400, "invalid_param")
        assert message.startswith("name: ")
    assert (state(product), listed(product)) == before
    got(product.api.request("DELETE", TAGS, json={"tag_id": tag_id}))


def test_tags_are_listed_newest_first_with_a_string_as_count(fresh: Product) -> None:
    assert listed(fresh) == []
    first, second = make(fresh, "First"), make(fresh, "Second")
    bind(fresh, fresh.create_dataset("Guide"), first)
    assert listed(fresh) == [
        {"id": second, "name": "Second", "type": "knowledge", "binding_count": "0"},
        {"id": first, "name": "First", "type": "knowledge", "binding_count": "1"},
    ]


def test_tags_are_listed_by_a_literal_part_of_their_name(fresh: Product) -> None:
    for name in ("Alpha", "50% off", "知识"):
        make(fresh, name)
    names = {query: [tag["name"] for tag in listed(fresh, query)] for query in ("?keyword=LPH", "?keyword=%25")}
    assert names == {"?keyword=LPH": ["Alpha"], "?keyword=%25": ["50% off"]}
    assert len(listed(fresh, "?keyword=")) == 3


def test_renaming_a_tag_keeps_its_id_and_bindings(product: Product, dataset_id: str) -> None:
    tag_id = make(product, "Old name")
    bind(product, dataset_id, tag_id)
    renamed = got(product.api.patch(TAGS, json={"tag_id": tag_id, "name": "New name"}))
    assert renamed == {"id": tag_id, "name": "New name", "type": "knowledge", "binding_count": 1}
    assert got(product.api.patch(TAGS, json={"tag_id": tag_id.upper(), "name": "New name"})) == renamed
    assert got(product.api.get(f"/v1/datasets/{dataset_id}"))["tags"] == [
        {"id": tag_id, "name": "New name", "type": "knowledge"}
    ]


def test_renaming_to_another_tags_name_is_400(product: Product) -> None:
    make(product, "Held name")
    tag_id = make(product, "Wants it")
    reply = product.api.patch(TAGS, json={"tag_id": tag_id, "name": "Held name"})
    assert refusal(reply) == (400, "invalid_param", "Tag name already exists")
    assert "Wants it" in [tag["name"] for tag in listed(product)]


@pytest.mark.parametrize("tag_id", [UNKNOWN, "no-uuid", "x" * 1000])
def test_renaming_or_deleting_an_unknown_tag_is_404(product: Product, tag_id: str) -> None:
    for reply in (
        product.api.patch(TAGS, json={"tag_id": tag_id, "name": "Name"}),
        product.api.request("DELETE", TAGS, json={"tag_id": tag_id}),
        product.api.delete(f"{TAGS}?tag_id={tag_id}"),
    ):
        assert refusal(reply) == (404, "not_found", "Tag not found")


@pytest.mark.parametrize("tag_id", [None, 5, [], {}, True])
def test_a_tag_id_that_is_no_string_is_400(product: Product, tag_id: Any) -> None:
    for method, path, extra in (("PATCH", TAGS, {"name": "Name"}), ("DELETE", TAGS, {})):
        status, code, message = refusal(product.api.request(method, path, json={"tag_id": tag_id, **extra}))
        assert (status, code) == (400, "invalid_param")
        assert message.startswith("tag_id: ")


def test_deleting_a_tag_takes_it_off_its_datasets_and_keeps_them(product: Product, dataset_id: str) -> None:
    first, second = make(product, "In the body"), make(product, "In the query")
    bind(product, dataset_id, first, second)
    assert got(product.api.request("DELETE", TAGS, json={"tag_id": first, "type": "knowledge"})) == DONE
    assert bound(product, dataset_id) == [second]
    assert got(product.api.delete(f"{TAGS}?tag_id={second}")) == DONE
    assert bound(product, dataset_id) == []
    assert refusal(product.api.request("DELETE", TAGS, json={"tag_id": first}))[0] == 404


@pytest.mark.parametrize("content", [None, b"", b"null", b"{}", b'{"tag_id": ""}'])
def test_deleting_without_a_tag_id_is_400(product: Product, content: bytes | None) -> None:
    reply = product.api.request("DELETE", f"{TAGS}?tag_id=", content=content)
    assert refusal(reply) == (400, "invalid_param", "tag_id: Field required")


def test_binding_twice_and_unbinding_what_is_not_bound_change_nothing(product: Product, dataset_id: str) -> None:
    tag_id = make(product, "Twice")
    for _ in range(2):
        bind(product, dataset_id, tag_id, tag_id)
    assert bound(product, dataset_id) == [tag_id]
    for _ in range(2):
        body = {"tag_ids": [tag_id], "target_id": dataset_id}
        assert got(product.api.post(f"{TAGS}/unbinding", json=body)) == DONE
    assert bound(product, dataset_id) == []


def test_unknown_tags_are_ignored_if_the_dataset_exists(product: Product, dataset_id: str) -> None:
    tag_id = make(product, "Known")
    bind(product, dataset_id, UNKNOWN, tag_id, "no-uuid", "")
    assert bound(product, dataset_id) == [tag_id]
    bind(product, dataset_id, UNKNOWN)
    unbinding = {"tag_ids": [UNKNOWN, "no-uuid"], "target_id": dataset_id}
    assert got(product.api.post(f"{TAGS}/unbinding", json=unbinding)) == DONE
    assert bound(product, dataset_id) == [tag_id]


def test_unbinding_takes_tag_id_and_tag_ids_together(product: Product, dataset_id: str) -> None:
    one, two, three, four = (make(product, f"Union {number}") for number in range(4))
    for tag_id in (one, two, three, four):
        assert got(product.api.post(f"{TAGS}/binding", json={"tag_id": tag_id, "target_id": dataset_id})) == DONE
    for body in ({"tag_id": one}, {"tag_ids": [two], "tag_id": three}):
        assert got(product.api.post(f"{TAGS}/unbinding", json={**body, "target_id": dataset_id})) == DONE
    assert bound(product, dataset_id) == [four]


@pytest.mark.parametrize("action", ["binding", "unbinding"])
@pytest.mark.parametrize("target", [UNKNOWN, "no-uuid", ""])
def test_binding_to_an_unknown_dataset_is_404(product: Product, action: str, target: str) -> None:
    reply = product.api.post(f"{TAGS}/{action}", json={"tag_ids": [UNKNOWN], "target_id": target})
    assert refusal(reply) == (404, "not_found", "Dataset not found")


@pytest.mark.parametrize("action", ["binding", "unbinding"])
@pytest.mark.parametrize("body", [{}, {"tag_ids": []}, {"tag_ids": None}, {"tag_ids": [""]}, {"tag_id": ""}])
def test_binding_no_tag_is_400(product: Product, dataset_id: str, action: str, body: dict[str, Any]) -> None:
    reply = product.api.post(f"{TAGS}/{action}", json={**body, "target_id": dataset_id})
    assert refusal(reply) == (400, "invalid_param", "Tag IDs is required.")


@pytest.mark.parametrize("action", ["binding", "unbinding"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tag_ids", "x"),
        ("tag_ids", [5]),
        ("tag_ids", {}),
        ("tag_ids", ["x"] * 1001),
        ("tag_id", 5),
        ("target_id", None),
        ("target_id", 5),
        ("target_id", []),
    ],
)
def test_a_wrong_field_of_a_binding_is_400(
    product: Product, dataset_id: str, action: str, field: str, value: Any
) -> None:
    before = state(product)
    body = {"tag_ids": [UNKNOWN], "target_id": dataset_id, field: value}
    status, code, message = refusal(product.api.post(f"{TAGS}/{action}", json=body))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(field)
    assert state(product) == before


def test_a_datasets_tags_answer_to_get_and_post(product: Product, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}/tags"
    assert got(product.api.get(path)) == got(product.api.post(path)) == {"data": [], "total": 0}
    old, new = make(product, "Old one"), make(product, "New one")
    bind(product, dataset_id, new, old)
    expected = {"data": [{"id": new, "name": "New one"}, {"id": old, "name": "Old one"}], "total": 2}
    assert got(product.api.get(path)) == got(product.api.post(path, json={"any": 1})) == expected


def test_deleting_a_dataset_lowers_the_count_of_its_tags(product: Product) -> None:
    dataset_id, tag_id = product.create_dataset("Goes away"), make(product, "Stays")
    bind(product, dataset_id, tag_id)
    count = {tag["id"]: tag["binding_count"] for tag in listed(product)}
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    after = {tag["id"]: tag["binding_count"] for tag in listed(product)}
    assert (count[tag_id], after[tag_id]) == ("1", "0")


def test_the_list_of_datasets_shows_their_tags(fresh: Product) -> None:
    one, two = fresh.create_dataset("One"), fresh.create_dataset("Two")
    tag_id = make(fresh, "Shared")
    bind(fresh, one, tag_id)
    rows = {row["id"]: row["tags"] for row in got(fresh.api.get("/v1/datasets"))["data"]}
    assert rows == {one: [{"id": tag_id, "name": "Shared", "type": "knowledge"}], two: []}


def test_the_list_of_datasets_wants_all_tags_bound(fresh: Product) -> None:
    one, two, three = (fresh.create_dataset(f"Set {number}") for number in (1, 2, 3))
    red, blue = make(fresh, "Red"), make(fresh, "Blue")
    bind(fresh, one, red)
    bind(fresh, two, red, blue)
    bind(fresh, three, blue)

    def found(query: str) -> list[str]:
        page = got(fresh.api.get(f"/v1/datasets?{query}"))
        assert page["total"] == len(page["data"])
        return [row["id"] for row in page["data"]]

    assert found(f"tag_ids={red}") == found(f"tag_ids={red.upper()}&tag_ids={red}") == [two, one]
    assert found(f"tag_ids={red}&tag_ids={blue}") == found(f"tag_ids[]={blue},{red}") == [two]
    assert found(f"tag_ids={red},{UNKNOWN}") == found(f"tag_ids={red}&keyword=set+3") == []
    page = got(fresh.api.get(f"/v1/datasets?tag_ids={red}&limit=1"))
    assert (page["total"], page["has_more"], len(page["data"])) == (2, True, 1)


def test_a_page_of_datasets_costs_the_same_statements_whatever_it_holds(fresh: Product) -> None:
    def statements() -> int:
        with counted_statements() as seen:
            got(fresh.api.get("/v1/datasets"))
        return len(seen)

    fresh.create_dataset("Alone")
    few = statements()
    tag_id = make(fresh, "Everywhere")
    for number in range(5):
        bind(fresh, fresh.create_dataset(f"Tagged {number}"), tag_id)
    assert 0 < few == statements()


def test_tag_routes_want_a_key(product: Product) -> None:
    for method, path in (("GET", TAGS), ("POST", TAGS), ("PATCH", TAGS), ("DELETE", TAGS), ("POST", f"{TAGS}/binding")):
        assert refusal(product.anonymous.request(method, path, json={}))[0] == 401
