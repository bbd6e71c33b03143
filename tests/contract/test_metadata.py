"""Metadata fields, built-in fields and the values of documents (contract 6, D56, D80 to D88, 11.11, 12.16)."""

from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, counted_statements, got, refusal, state
from tests.product import Product

DONE = {"result": "success"}
BUILT_IN = [
    {"name": "document_name", "type": "string"},
    {"name": "uploader", "type": "string"},
    {"name": "upload_date", "type": "time"},
    {"name": "last_update_date", "type": "time"},
    {"name": "source", "type": "string"},
]
NO_NAME = [{}, *({"name": name} for name in (None, "", " \n", 5, [], {}, True, "a\0b"))]


def fields_of(product: Product, dataset_id: str) -> list[dict[str, Any]]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/metadata"))["doc_metadata"]


def add_field(product: Product, dataset_id: str, name: str, kind: str = "string") -> str:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/metadata", json={"type": kind, "name": name})
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


def add_document(product: Product, dataset_id: str, name: str = "Note") -> str:
    return product.add_text(dataset_id, name, "A note.")["document"]["id"]


def send(product: Product, dataset_id: str, *operations: dict[str, Any]) -> Any:
    return product.api.post(f"/v1/datasets/{dataset_id}/documents/metadata", json={"operation_data": operations})


def write(product: Product, dataset_id: str, document_id: str, values: dict[str, Any], **more: Any) -> None:
    """Set values by the ids of their fields."""
    entries = [{"id": field_id, "value": value} for field_id, value in values.items()]
    reply = send(product, dataset_id, {"document_id": document_id, "metadata_list": entries, **more})
    assert got(reply) == DONE


def values_of(product: Product, dataset_id: str, document_id: str) -> dict[str, Any]:
    detail = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}?metadata=only"))
    return {entry["name"]: entry["value"] for entry in detail["doc_metadata"]}


def switch(product: Product, dataset_id: str, action: str) -> Any:
    return product.api.post(f"/v1/datasets/{dataset_id}/metadata/built-in/{action}")


@pytest.mark.parametrize("kind", ["string", "number", "time"])
def test_creating_a_field_is_201(product: Product, dataset_id: str, kind: str) -> None:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/metadata", json={"type": kind, "name": "年份"})
    assert reply.status_code == 201
    assert reply.json() == {"id": reply.json()["id"], "type": kind, "name": "年份"}
    assert UUID.fullmatch(reply.json()["id"])
    expected = [{"id": reply.json()["id"], "name": "年份", "type": kind, "count": 0, "use_count": 0}]
    assert fields_of(product, dataset_id) == expected
    shown = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    assert shown["doc_metadata"] == [{"id": reply.json()["id"], "name": "年份", "type": kind}]


def test_a_field_may_come_inside_segment(product: Product, dataset_id: str) -> None:
    body = {"segment": {"type": "number", "name": "year"}}
    reply = product.api.post(f"/v1/datasets/{dataset_id}/metadata", json=body)
    assert (reply.status_code, reply.json()["name"], reply.json()["type"]) == (201, "year", "number")


@pytest.mark.parametrize("body", NO_NAME)
def test_a_field_name_that_is_no_name_is_400(product: Product, dataset_id: str, body: dict[str, Any]) -> None:
    field_id, before = add_field(product, dataset_id, "Stays"), state(product)
    path = f"/v1/datasets/{dataset_id}/metadata"
    for reply in (
        product.api.post(path, json={"type": "string", **body}),
        product.api.patch(f"{path}/{field_id}", json=body or {"other": 1}),
    ):
        status, code, message = refusal(reply)
        assert (status, code) == (400, "invalid_param")
        assert message.startswith("name: ")
    assert state(product) == before
    assert [field["name"] for field in fields_of(product, dataset_id)] == ["Stays"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Taken", "Metadata name already exists."),
        *((field["name"], "Metadata name already exists in Built-in fields.") for field in BUILT_IN),
        ("n" * 256, "Metadata name cannot exceed 255 characters."),
    ],
)
def test_a_field_name_that_cannot_be_given_is_400(product: Product, dataset_id: str, given: str, message: str) -> None:
    add_field(product, dataset_id, "Taken")
    field_id, before = add_field(product, dataset_id, "Other"), state(product)
    path = f"/v1/datasets/{dataset_id}/metadata"
    assert refusal(product.api.post(path, json={"type": "time", "name": given})) == (400, "invalid_param", message)
    assert refusal(product.api.patch(f"{path}/{field_id}", json={"name": given})) == (400, "invalid_param", message)
    assert state(product) == before


@pytest.mark.parametrize("given", ["n" * 255, "字" * 255, "taken", "Document_Name", " spaced "])
def test_field_names_are_exact_and_up_to_255_characters(product: Product, dataset_id: str, given: str) -> None:
    add_field(product, dataset_id, "Taken")
    add_field(product, dataset_id, given)
    assert [field["name"] for field in fields_of(product, dataset_id)] == ["Taken", given]


def test_field_names_are_unique_in_one_dataset_only(product: Product, dataset_id: str) -> None:
    other = product.create_dataset("Another dataset with fields")
    assert add_field(product, dataset_id, "year") != add_field(product, other, "year")


@pytest.mark.parametrize("kind", [None, "", "text", "String", 5, [], True])
def test_an_unknown_field_type_is_400(product: Product, dataset_id: str, kind: Any) -> None:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/metadata", json={"type": kind, "name": "x"})
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("type: ")
    assert fields_of(product, dataset_id) == []


def test_counters_are_the_documents_that_have_the_field(product: Product, dataset_id: str) -> None:
    field_id = add_field(product, dataset_id, "year")
    for name, value in (("One", 1), ("Two", None), ("Three", "")):
        write(product, dataset_id, add_document(product, dataset_id, name), {field_id: value})
    [field] = fields_of(product, dataset_id)
    assert (field["count"], field["use_count"]) == (3, 3)


def test_the_list_of_fields_has_custom_ones_only_and_tells_the_switch(product: Product, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}/metadata"
    assert got(product.api.get(path)) == {"doc_metadata": [], "built_in_field_enabled": False}
    assert got(switch(product, dataset_id, "enable")) == DONE
    assert got(product.api.get(path)) == {"doc_metadata": [], "built_in_field_enabled": True}


def test_values_follow_the_new_name_of_their_field(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "Old", "number"), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: 7})
    path = f"/v1/datasets/{dataset_id}/metadata/{field_id}"
    renamed = {"id": field_id, "type": "number", "name": "New"}
    assert got(product.api.patch(path, json={"name": "New"})) == renamed
    assert got(product.api.patch(path, json={"name": "New", "type": "string"})) == renamed
    assert values_of(product, dataset_id, document_id) == {"New": 7}


def test_deleting_a_field_takes_its_values_from_all_documents(product: Product, dataset_id: str) -> None:
    gone, kept = add_field(product, dataset_id, "Gone"), add_field(product, dataset_id, "Kept")
    document_id = add_document(product, dataset_id)
    write(product, dataset_id, document_id, {gone: "a", kept: "b"})
    path = f"/v1/datasets/{dataset_id}/metadata/{gone}"
    reply = product.api.delete(path)
    assert (reply.status_code, reply.content) == (204, b"")
    assert "content-type" not in reply.headers
    assert values_of(product, dataset_id, document_id) == {"Kept": "b"}
    assert refusal(product.api.delete(path)) == (404, "not_found", "Metadata not found.")


def test_an_unknown_field_or_one_of_another_dataset_is_404(product: Product, dataset_id: str) -> None:
    foreign = add_field(product, product.create_dataset("Foreign fields"), "x")
    for field_id in (UNKNOWN, foreign):
        path = f"/v1/datasets/{dataset_id}/metadata/{field_id}"
        for body in ({"name": "y"}, {"name": ""}, {}):
            assert refusal(product.api.patch(path, json=body)) == (404, "not_found", "Metadata not found.")
        assert refusal(product.api.delete(path)) == (404, "not_found", "Metadata not found.")


def test_built_in_fields_are_listed_at_both_paths(product: Product, dataset_id: str) -> None:
    for path in (f"/v1/datasets/{dataset_id}/metadata/built-in", "/v1/datasets/metadata/built-in"):
        assert got(product.api.get(path)) == {"fields": BUILT_IN}


@pytest.mark.parametrize("action", ["on", "ENABLE", "delete", "enabled"])
def test_a_switch_action_that_is_unknown_is_400(product: Product, dataset_id: str, action: str) -> None:
    assert refusal(switch(product, dataset_id, action)) == (400, "invalid_action", "Invalid action.")
    assert got(product.api.get(f"/v1/datasets/{dataset_id}/metadata"))["built_in_field_enabled"] is False


def test_the_switch_shows_and_hides_the_built_in_fields(product: Product) -> None:
    dataset_id = product.create_dataset("Switched")
    field_id, document_id = add_field(product, dataset_id, "year", "number"), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: 2024})
    before = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))
    for _ in range(2):
        assert got(switch(product, dataset_id, "enable")) == DONE
    detail = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))
    built_in = {
        "document_name": "Note",
        "uploader": "admin",
        "upload_date": detail["created_at"],
        "last_update_date": detail["updated_at"],
        "source": "file_upload",
    }
    expected = [
        {"id": field_id, "name": "year", "type": "number", "value": 2024},
        *({"id": "built-in", **field, "value": built_in[field["name"]]} for field in BUILT_IN),
    ]
    assert detail["doc_metadata"] == expected
    [row] = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"]
    assert row["doc_metadata"] == expected
    shown = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    assert shown["built_in_field_enabled"] is True
    assert shown["doc_metadata"] == [
        {"id": field_id, "name": "year", "type": "number"},
        *({"id": "built-in", **field} for field in BUILT_IN),
    ]
    for _ in range(2):
        assert got(switch(product, dataset_id, "disable")) == DONE
    assert got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}")) == before


def test_a_detail_may_show_only_the_metadata_or_none(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "year"), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: "2024"})
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}"
    entry = {"id": field_id, "name": "year", "type": "string", "value": "2024"}
    only = {"id": document_id, "doc_type": None, "doc_metadata": [entry]}
    assert got(product.api.get(f"{path}?metadata=only")) == only
    whole = got(product.api.get(f"{path}?metadata=all"))
    assert whole == got(product.api.get(f"{path}?metadata="))
    assert got(product.api.get(f"{path}?metadata=without")) == {
        name: value for name, value in whole.items() if name not in ("doc_type", "doc_metadata")
    }
    assert whole["doc_metadata"] == [entry]


@pytest.mark.parametrize("value", ["x", "", " 7 ", "7", 7, 7.5, 7.0, -1e-7, 10**30, 0, None, "标签\n", "2024-05-01"])
@pytest.mark.parametrize("kind", ["string", "number", "time"])
def test_values_are_stored_with_the_type_sent(product: Product, kind: str, value: Any) -> None:
    dataset_id = product.create_dataset(f"{kind} {value!r}"[:40])
    field_id, document_id = add_field(product, dataset_id, "field", kind), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: value})
    stored = values_of(product, dataset_id, document_id)["field"]
    assert (stored, type(stored)) == (value, type(value))


def test_a_value_left_out_is_null_and_still_counts(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "field"), add_document(product, dataset_id)
    entry = {"id": field_id, "name": "field"}
    assert got(send(product, dataset_id, {"document_id": document_id, "metadata_list": [entry]})) == DONE
    assert values_of(product, dataset_id, document_id) == {"field": None}
    assert fields_of(product, dataset_id)[0]["count"] == 1


def test_values_become_exactly_the_list_unless_the_update_is_partial(product: Product, dataset_id: str) -> None:
    one, two = add_field(product, dataset_id, "one"), add_field(product, dataset_id, "two")
    document_id = add_document(product, dataset_id)
    write(product, dataset_id, document_id, {one: 1, two: 2})
    write(product, dataset_id, document_id, {two: 3}, partial_update=True)
    assert values_of(product, dataset_id, document_id) == {"one": 1, "two": 3}
    write(product, dataset_id, document_id, {}, partial_update=True)
    assert values_of(product, dataset_id, document_id) == {"one": 1, "two": 3}
    write(product, dataset_id, document_id, {two: 4}, partial_update=None)
    assert values_of(product, dataset_id, document_id) == {"two": 4}
    write(product, dataset_id, document_id, {})
    assert values_of(product, dataset_id, document_id) == {}


def test_a_document_that_comes_twice_is_changed_in_order(product: Product, dataset_id: str) -> None:
    one, two = add_field(product, dataset_id, "one"), add_field(product, dataset_id, "two")
    document_id = add_document(product, dataset_id)
    write(product, dataset_id, document_id, {one: "old", two: "old"})
    operations: list[dict[str, Any]] = [
        {"document_id": document_id, "metadata_list": [{"id": one, "value": 1}, {"id": one, "value": 2}]},
        {"document_id": document_id.upper(), "metadata_list": [{"id": two, "value": 3}], "partial_update": True},
    ]
    assert got(send(product, dataset_id, *operations)) == DONE
    assert values_of(product, dataset_id, document_id) == {"one": 2, "two": 3}
    assert got(send(product, dataset_id, *reversed(operations))) == DONE
    assert values_of(product, dataset_id, document_id) == {"one": 2}


@pytest.mark.parametrize("field_id", [None, "", UNKNOWN, "no-uuid", "absent"])
def test_a_field_is_found_by_name_where_its_id_is_not_known(
    product: Product, dataset_id: str, field_id: str | None
) -> None:
    add_field(product, dataset_id, "named")
    document_id = add_document(product, dataset_id)
    entry = {"name": "named", "value": "x"} | ({} if field_id == "absent" else {"id": field_id})
    assert got(send(product, dataset_id, {"document_id": document_id, "metadata_list": [entry]})) == DONE
    assert values_of(product, dataset_id, document_id) == {"named": "x"}


@pytest.mark.parametrize("entry", [{"value": 1}, {"id": UNKNOWN, "value": 1}, {"id": UNKNOWN, "name": "unknown"}, {}])
def test_an_unknown_field_of_a_value_is_400_and_nothing_is_written(
    product: Product, dataset_id: str, entry: dict[str, Any]
) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    foreign = add_field(product, product.create_dataset(f"Foreign {len(str(entry))}"), "foreign")
    for wrong in (entry, {"id": foreign, "value": 1}):
        operation = {"document_id": document_id, "metadata_list": [{"id": field_id, "value": 1}, wrong]}
        assert refusal(send(product, dataset_id, operation)) == (400, "invalid_param", "Metadata not found.")
        assert values_of(product, dataset_id, document_id) == {}


@pytest.mark.parametrize(
    "entry", [{"id": "built-in", "name": "document_name"}, {"id": "built-in"}, {"name": "source"}, {"name": "uploader"}]
)
def test_values_of_built_in_fields_are_ignored(product: Product, dataset_id: str, entry: dict[str, Any]) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    values = [{**entry, "value": "forged"}, {"id": field_id, "value": 1}]
    assert got(send(product, dataset_id, {"document_id": document_id, "metadata_list": values})) == DONE
    switch(product, dataset_id, "enable")
    shown = values_of(product, dataset_id, document_id)
    assert (shown["known"], shown["document_name"], shown["source"]) == (1, "Note", "file_upload")


def test_an_unknown_document_is_400_and_nothing_is_written(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    foreign = add_document(product, product.create_dataset("Foreign documents"))
    good = {"document_id": document_id, "metadata_list": [{"id": field_id, "value": 1}]}
    for wrong in (UNKNOWN, foreign, "no-uuid", ""):
        reply = send(product, dataset_id, good, {"document_id": wrong, "metadata_list": []})
        assert refusal(reply) == (400, "invalid_param", "Document not found.")
    assert values_of(product, dataset_id, document_id) == {}


def test_no_operation_at_all_is_fine(product: Product, dataset_id: str) -> None:
    assert got(send(product, dataset_id)) == DONE


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("operation_data", {}),
        ("operation_data", {"operation_data": None}),
        ("operation_data", {"operation_data": {}}),
        ("operation_data", {"operation_data": "x"}),
        ("operation_data.0", {"operation_data": ["x"]}),
        ("operation_data.0.document_id", {"operation_data": [{"metadata_list": []}]}),
        ("operation_data.0.document_id", {"operation_data": [{"document_id": 5, "metadata_list": []}]}),
        ("operation_data.0.metadata_list", {"operation_data": [{"document_id": UNKNOWN}]}),
        ("operation_data.0.metadata_list", {"operation_data": [{"document_id": UNKNOWN, "metadata_list": {}}]}),
        ("operation_data.0.metadata_list.0", {"operation_data": [{"document_id": UNKNOWN, "metadata_list": [5]}]}),
    ],
)
def test_a_wrong_shape_of_an_update_names_the_field(
    product: Product, dataset_id: str, field: str, body: dict[str, Any]
) -> None:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/documents/metadata", json=body)
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("value", []), ("value", {}), ("value", True), ("value", "a\0b"), ("id", 5), ("name", 5), ("partial_update", 5)],
)
def test_a_wrong_part_of_a_value_is_400(product: Product, dataset_id: str, field: str, value: Any) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    operation: dict[str, Any] = {"document_id": document_id, "metadata_list": [{"id": field_id, "value": 1}]}
    target = operation if field == "partial_update" else operation["metadata_list"][0]
    target[field] = value
    before = state(product)
    status, code, message = refusal(send(product, dataset_id, operation))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("operation_data")
    assert state(product) == before


def test_values_do_not_touch_the_date_of_the_last_update(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}"
    before = got(product.api.get(f"{path}?metadata=without"))
    write(product, dataset_id, document_id, {field_id: 1})
    assert got(product.api.get(f"{path}?metadata=without")) == before


def test_a_replaced_document_keeps_its_values(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: 1})
    again = product.add_text(dataset_id, "Note", "Another text.")["document"]
    assert again["id"] == document_id
    expected = [{"id": field_id, "name": "known", "type": "string", "value": 1}]
    assert again["doc_metadata"] == expected
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}/update-by-text"
    assert got(product.api.post(path, json={"name": "Renamed"}))["document"]["doc_metadata"] == expected


def test_a_deleted_document_is_no_longer_counted(product: Product, dataset_id: str) -> None:
    field_id, document_id = add_field(product, dataset_id, "known"), add_document(product, dataset_id)
    write(product, dataset_id, document_id, {field_id: 1})
    product.settle()
    assert product.api.delete(f"/v1/datasets/{dataset_id}/documents/{document_id}").status_code == 204
    assert fields_of(product, dataset_id)[0]["count"] == 0


def test_a_deleted_dataset_takes_its_fields_and_values_along(fresh: Product) -> None:
    before = state(fresh)[0]
    dataset_id = fresh.create_dataset("Goes away")
    field_id, document_id = add_field(fresh, dataset_id, "known"), add_document(fresh, dataset_id)
    write(fresh, dataset_id, document_id, {field_id: 1})
    assert fresh.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    after = state(fresh)[0]
    assert {name: after[name] for name in ("metadata_fields", "metadata_values")} == {
        name: before[name] for name in ("metadata_fields", "metadata_values")
    }


def test_a_page_of_documents_costs_the_same_statements_whatever_it_holds(fresh: Product) -> None:
    dataset_id = fresh.create_dataset("Paged")
    switch(fresh, dataset_id, "enable")
    fields = [add_field(fresh, dataset_id, f"field {number}") for number in range(3)]

    def statements() -> int:
        with counted_statements() as seen:
            got(fresh.api.get(f"/v1/datasets/{dataset_id}/documents"))
        return len(seen)

    add_document(fresh, dataset_id)
    few = statements()
    for number in range(5):
        document_id = add_document(fresh, dataset_id, f"Note {number}")
        write(fresh, dataset_id, document_id, dict.fromkeys(fields, number))
    assert 0 < few == statements()


def test_metadata_routes_refuse_an_unknown_dataset(product: Product) -> None:
    base = f"/v1/datasets/{UNKNOWN}"
    for method, path in (
        ("GET", "/metadata"),
        ("POST", "/metadata"),
        ("PATCH", f"/metadata/{UNKNOWN}"),
        ("DELETE", f"/metadata/{UNKNOWN}"),
        ("GET", "/metadata/built-in"),
        ("POST", "/metadata/built-in/other"),
        ("POST", "/documents/metadata"),
    ):
        assert refusal(product.api.request(method, base + path)) == (404, "not_found", "Dataset not found.")
        assert refusal(product.anonymous.request(method, base + path))[0] == 401
