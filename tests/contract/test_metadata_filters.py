"""Retrieval over documents that pass conditions, and the metadata in records (contract 5.1, 5.5, 5.6, D97, D98)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.calls import counted_statements, got, refusal
from tests.product import Product

QUERY = "green tea leaves"


@pytest.fixture(scope="module")
def library(product: Product) -> Iterator[str]:
    """A dataset of four documents with one text: a field of each type, null, missing and strings for numbers."""
    dataset_id = product.create_dataset("Library")
    for name, kind in (("author", "string"), ("pages", "number"), ("printed", "time")):
        body = {"type": kind, "name": name}
        assert product.api.post(f"/v1/datasets/{dataset_id}/metadata", json=body).status_code == 201
    values: dict[str, dict[str, Any]] = {
        "Alpha": {"author": "Lu Yu", "pages": 7, "printed": "2024-05-01"},
        "Beta": {"author": "lu xun", "pages": "70", "printed": 1717200000},
        "Gamma": {"author": None, "pages": 5.5},
        "Delta": {},
    }
    operations: list[dict[str, Any]] = []
    for name, fields in values.items():
        document = product.add_text(dataset_id, name, "Green tea leaves are rolled.")["document"]
        listed = [{"name": field, "value": value} for field, value in fields.items()]
        operations.append({"document_id": document["id"], "metadata_list": listed})
    product.settle()
    got(product.api.post(f"/v1/datasets/{dataset_id}/documents/metadata", json={"operation_data": operations}))
    yield dataset_id


def model(*conditions: dict[str, Any], logic: Any = "and", method: str = "semantic_search") -> dict[str, Any]:
    filtering = {"logical_operator": logic, "conditions": conditions}
    return {"search_method": method, "top_k": 10, "metadata_filtering_conditions": filtering}


def one(name: str, operator: str, *value: Any) -> dict[str, Any]:
    """Return a condition, without a value if none is given."""
    return {"name": name, "comparison_operator": operator, **({"value": value[0]} if value else {})}


def names(product: Product, dataset_id: str, body: dict[str, Any]) -> list[str]:
    reply = product.api.post(f"/v1/datasets/{dataset_id}/retrieve", json={"query": QUERY, **body})
    return [record["segment"]["document"]["name"] for record in got(reply)["records"]]


def asked(product: Product, dataset_id: str, *conditions: dict[str, Any], **more: Any) -> list[str]:
    return names(product, dataset_id, {"retrieval_model": model(*conditions, **more)})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (one("author", "contains", "lu"), ["Beta"]),
        (one("author", "not contains", "lu"), ["Alpha"]),
        (one("author", "start with", "Lu"), ["Alpha"]),
        (one("author", "end with", "un"), ["Beta"]),
        (one("author", "is", "Lu Yu"), ["Alpha"]),
        (one("author", "is not", "Lu Yu"), ["Beta"]),
        (one("author", "in", ["Lu Yu", "x"]), ["Alpha"]),
        (one("author", "in", "Lu Yu, lu xun"), ["Alpha", "Beta"]),
        (one("author", "not in", ["Lu Yu"]), ["Beta"]),
        (one("author", "not in", []), ["Alpha", "Beta", "Gamma", "Delta"]),
        (one("author", "in", []), []),
        (one("author", "empty"), ["Gamma", "Delta"]),
        (one("author", "not empty", "ignored"), ["Alpha", "Beta"]),
        (one("pages", "=", 7), ["Alpha"]),
        (one("pages", "=", "70.0"), ["Beta"]),
        (one("pages", "≠", 7), ["Beta", "Gamma"]),
        (one("pages", ">", 6), ["Alpha", "Beta"]),
        (one("pages", "<", "7"), ["Gamma"]),
        (one("pages", "≥", 7), ["Alpha", "Beta"]),
        (one("pages", "<=", 7), ["Alpha", "Gamma"]),
        (one("pages", "contains", "7"), ["Alpha", "Beta"]),
        (one("printed", "before", "2024-05-02"), ["Alpha"]),
        (one("printed", "after", "2024-05-01"), ["Beta"]),
        (one("printed", "is", "2024-05-01T08:00:00+08:00"), ["Alpha"]),
        (one("document_name", "contains", "lph"), ["Alpha"]),
        (one("document_name", "is not", "Alpha"), ["Beta", "Gamma", "Delta"]),
        (one("source", "is", "file_upload"), ["Alpha", "Beta", "Gamma", "Delta"]),
        (one("uploader", "is", "admin"), ["Alpha", "Beta", "Gamma", "Delta"]),
        (one("upload_date", "after", "2020-01-01"), ["Alpha", "Beta", "Gamma", "Delta"]),
        (one("last_update_date", "before", "2020-01-01"), []),
        (one("unknown", "is not", "x"), []),
        (one("unknown", "empty"), ["Alpha", "Beta", "Gamma", "Delta"]),
    ],
)
def test_only_documents_that_pass_answer(
    product: Product, library: str, condition: dict[str, Any], expected: list[str]
) -> None:
    assert asked(product, library, condition) == expected


@pytest.mark.parametrize("method", ["semantic_search", "full_text_search", "keyword_search", "hybrid_search"])
@pytest.mark.parametrize("operator", ["is", "is not"])
def test_the_filter_holds_for_every_search_method(product: Product, library: str, method: str, operator: str) -> None:
    expected = ["Gamma"] if operator == "is" else ["Alpha", "Beta", "Delta"]
    assert asked(product, library, one("document_name", operator, "Gamma"), method=method) == expected


def test_documents_are_filtered_before_top_k_is_counted(product: Product, library: str) -> None:
    wanted = model(one("document_name", "is", "Delta")) | {"top_k": 1}
    assert names(product, library, {"retrieval_model": wanted}) == ["Delta"]


@pytest.mark.parametrize(("logic", "expected"), [("and", []), ("or", ["Alpha", "Gamma"]), (None, [])])
def test_conditions_are_joined_as_asked_and_by_and_otherwise(
    product: Product, library: str, logic: Any, expected: list[str]
) -> None:
    pair = one("author", "is", "Lu Yu"), one("pages", "<", 6)
    assert asked(product, library, *pair, logic=logic) == expected


@pytest.mark.parametrize("operator", ["contains", "not contains", "is", "is not", "in", "=", ">", "before"])
def test_a_condition_without_a_value_is_skipped(product: Product, library: str, operator: str) -> None:
    everything = ["Alpha", "Beta", "Gamma", "Delta"]
    assert asked(product, library, one("author", operator)) == everything
    assert asked(product, library, one("author", operator, None), one("pages", operator, None)) == everything
    assert asked(product, library, one("author", operator, None), one("pages", "=", 7)) == ["Alpha"]


@pytest.mark.parametrize(
    "filtering", [None, {}, {"conditions": None}, {"conditions": []}, {"logical_operator": "or", "conditions": []}]
)
def test_no_conditions_are_no_filter(product: Product, library: str, filtering: Any) -> None:
    retrieval = {"search_method": "semantic_search", "top_k": 10, "metadata_filtering_conditions": filtering}
    assert len(names(product, library, {"retrieval_model": retrieval})) == 4
    body = {"retrieval_model": {"top_k": 10}, "metadata_filtering_conditions": filtering}
    assert len(names(product, library, body)) == 4


def test_conditions_are_taken_at_the_top_level_too(product: Product, library: str) -> None:
    filtering = {"conditions": [one("author", "is", "Lu Yu")]}
    assert names(product, library, {"metadata_filtering_conditions": filtering}) == ["Alpha"]
    both = {"retrieval_model": model(one("pages", "=", 70)), "metadata_filtering_conditions": filtering}
    assert names(product, library, both) == ["Beta"]


def test_a_stored_retrieval_model_filters_until_a_request_brings_its_own(product: Product) -> None:
    dataset_id = product.create_dataset("Stored filter", retrieval_model=model(one("document_name", "is", "Second")))
    for name in ("First", "Second"):
        product.add_text(dataset_id, name, "Green tea leaves are rolled.")
    product.settle()
    assert names(product, dataset_id, {}) == ["Second"]
    assert names(product, dataset_id, {"retrieval_model": {"search_method": "semantic_search"}}) == ["First", "Second"]
    top_level = {"metadata_filtering_conditions": {"conditions": [one("document_name", "is", "First")]}}
    assert names(product, dataset_id, top_level) == ["First"]
    shown = got(product.api.get(f"/v1/datasets/{dataset_id}"))["retrieval_model_dict"]
    assert "metadata_filtering_conditions" not in shown


def test_filters_follow_the_new_name_of_a_field_and_new_values(product: Product) -> None:
    dataset_id = product.create_dataset("Followed")
    path = f"/v1/datasets/{dataset_id}"
    field_id = product.api.post(f"{path}/metadata", json={"type": "string", "name": "old"}).json()["id"]
    document_id = product.add_text(dataset_id, "Note", "Green tea leaves are rolled.")["document"]["id"]
    product.settle()

    def write(*values: Any) -> None:
        listed = [{"id": field_id, "value": value} for value in values]
        operation = {"document_id": document_id, "metadata_list": listed}
        got(product.api.post(f"{path}/documents/metadata", json={"operation_data": [operation]}))

    write("x")
    assert asked(product, dataset_id, one("old", "is", "x")) == ["Note"]
    got(product.api.patch(f"{path}/metadata/{field_id}", json={"name": "new"}))
    assert asked(product, dataset_id, one("old", "is", "x")) == []
    assert asked(product, dataset_id, one("new", "is", "x")) == ["Note"]
    write("y")
    assert asked(product, dataset_id, one("new", "is", "x")) == []
    write()
    assert asked(product, dataset_id, one("new", "empty")) == ["Note"]
    write("x")
    assert product.api.delete(f"{path}/metadata/{field_id}").status_code == 204
    assert asked(product, dataset_id, one("new", "is", "x")) == []


@pytest.mark.parametrize(
    ("field", "filtering"),
    [
        ("", "x"),
        ("", []),
        (".logical_operator", {"logical_operator": "xor", "conditions": []}),
        (".logical_operator", {"logical_operator": 5}),
        (".conditions", {"conditions": "x"}),
        (".conditions", {"conditions": {}}),
        (".conditions", {"conditions": [one("author", "is", "x")] * 101}),
        (".conditions.0", {"conditions": ["x"]}),
        (".conditions.0.name", {"conditions": [{"comparison_operator": "is", "value": "x"}]}),
        (".conditions.0.name", {"conditions": [one("", "is", "x")]}),
        (".conditions.0.name", {"conditions": [{"name": None, "comparison_operator": "is", "value": "x"}]}),
        (".conditions.0.name", {"conditions": [{"name": 5, "comparison_operator": "is", "value": "x"}]}),
        (".conditions.0.comparison_operator", {"conditions": [{"name": "author", "value": "x"}]}),
        (".conditions.0.comparison_operator", {"conditions": [one("author", "like", "x")]}),
        (".conditions.0.comparison_operator", {"conditions": [one("author", "IS", "x")]}),
        (".conditions.0.comparison_operator", {"conditions": [{"name": "author", "comparison_operator": None}]}),
        (".conditions.1.comparison_operator", {"conditions": [one("author", "is", "x"), one("author", "", "x")]}),
        (".conditions.0.value", {"conditions": [one("author", "is", {})]}),
        (".conditions.0.value", {"conditions": [one("author", "is", True)]}),
        (".conditions.0.value", {"conditions": [one("author", "in", [["x"]])]}),
        (".conditions.0.value", {"conditions": [one("author", "in", [None])]}),
        (".conditions.0.value", {"conditions": [one("author", "in", ["x"] * 1001)]}),
        (".conditions.0", {"conditions": [one("author", "is", ["x"])]}),
        (".conditions.0", {"conditions": [one("author", "before", [1])]}),
    ],
)
def test_wrong_conditions_are_400_and_name_the_field(
    product: Product, library: str, field: str, filtering: Any
) -> None:
    for place, body in (
        (
            "retrieval_model.metadata_filtering_conditions",
            {"retrieval_model": {"metadata_filtering_conditions": filtering}},
        ),
        ("metadata_filtering_conditions", {"metadata_filtering_conditions": filtering}),
    ):
        status, code, message = refusal(
            product.api.post(f"/v1/datasets/{library}/retrieve", json={"query": QUERY, **body})
        )
        assert (status, code) == (400, "invalid_param")
        assert message.startswith(f"{place}{field}"), message


def test_nul_in_a_condition_is_400(product: Product, library: str) -> None:
    body = {"query": QUERY, "retrieval_model": model(one("author", "is", "a\0"))}
    assert refusal(product.api.post(f"/v1/datasets/{library}/retrieve", json=body))[:2] == (400, "invalid_param")


def test_records_hold_the_values_of_their_document_by_name(product: Product, library: str) -> None:
    reply = product.api.post(
        f"/v1/datasets/{library}/retrieve", json={"query": QUERY, "retrieval_model": {"top_k": 10}}
    )
    found = [record["segment"]["document"] for record in got(reply)["records"]]
    assert {document["name"]: document["doc_metadata"] for document in found} == {
        "Alpha": {"author": "Lu Yu", "pages": 7, "printed": "2024-05-01"},
        "Beta": {"author": "lu xun", "pages": "70", "printed": 1717200000},
        "Gamma": {"author": None, "pages": 5.5},
        "Delta": {},
    }


def test_records_hold_the_built_in_values_when_they_are_enabled(product: Product) -> None:
    dataset_id = product.create_dataset("Built in")
    document_id = product.add_text(dataset_id, "Note", "Green tea leaves are rolled.")["document"]["id"]
    product.settle()
    detail = got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))

    def metadata() -> dict[str, Any]:
        [record] = product.retrieve(dataset_id, QUERY)
        return record["segment"]["document"]["doc_metadata"]

    assert metadata() == {}
    got(product.api.post(f"/v1/datasets/{dataset_id}/metadata/built-in/enable"))
    assert metadata() == {
        "document_name": "Note",
        "uploader": "admin",
        "upload_date": detail["created_at"],
        "last_update_date": detail["updated_at"],
        "source": "file_upload",
    }


def test_retrieval_without_conditions_asks_the_catalog_nothing_more(product: Product, library: str) -> None:
    plain = product.create_dataset("Plain")
    product.add_text(plain, "Note", "Green tea leaves are rolled.")
    product.settle()

    def statements(dataset_id: str, *conditions: dict[str, Any]) -> list[str]:
        product.rt.hits.flush()
        with counted_statements() as seen:
            asked(product, dataset_id, *conditions)
        return [text for text in seen if "metadata_" in text]

    assert [text for text in statements(plain) if "EXISTS" not in text] == []
    assert len(statements(library, one("author", "is", "Lu Yu"), one("pages", "=", 7))) <= 5
