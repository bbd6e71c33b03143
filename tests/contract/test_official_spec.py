"""Every reply against the official specification, save where the contract decides otherwise; its error samples too."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, got
from tests.contract.official_spec import errors_of, missing_fields, read_spec, reply_schema
from tests.product import Product

DATASET = "/datasets/{dataset_id}"
LIST, DETAIL = f"{DATASET}/documents", f"{DATASET}/documents/{{document_id}}"
BY_TEXT, BY_FILE = f"{DATASET}/document/create-by-text", f"{DATASET}/document/create-by-file"

# Where a reply breaks the specification, and the decision of the contract that says so. A row nobody needs fails.
DEVIATIONS = {
    ("POST /datasets", "$.data_source_type"): "3.1: null until a first document",
    ("POST /datasets", "$.indexing_technique"): "3.1: null until known",
    ("POST /datasets", "$.doc_form"): "D19",
    ("POST /datasets", "$.embedding_model"): "3.1: null unless high_quality",
    ("POST /datasets", "$.embedding_model_provider"): "3.1: null unless high_quality",
    ("POST /datasets", "$.retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    ("POST /datasets", "lacks $.partial_member_list"): "D28",
    ("GET /datasets", "$.data[].data_source_type"): "3.1: null until a first document",
    ("GET /datasets", "$.data[].indexing_technique"): "3.1: null until known",
    ("GET /datasets", "$.data[].doc_form"): "D19",
    ("GET /datasets", "$.data[].embedding_model"): "3.1: null unless high_quality",
    ("GET /datasets", "$.data[].embedding_model_provider"): "3.1: null unless high_quality",
    ("GET /datasets", "$.data[].retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    ("GET /datasets", "lacks $.data[].partial_member_list"): "D28",
    (f"GET {DATASET}", "$.retrieval_model_dict.score_threshold"): "D21, 4.9: null unless set",
    (f"GET {DATASET}", "lacks $.partial_member_list"): "D28",
    (f"GET {DETAIL}/segments", "$.data[].answer"): "D73: null outside Q&A, as the seeds show",
    (f"POST {DATASET}/retrieve", "$.records[].segment.answer"): "5.5: null outside Q&A, as the seeds show",
}


@pytest.fixture(scope="module")
def replies(product: Product) -> dict[str, Any]:
    """One reply of each operation, of datasets and documents in several states."""
    product.create_dataset("Bare")
    dataset_id = product.create_dataset("Full", indexing_technique="high_quality")
    root = f"/v1/datasets/{dataset_id}"
    text = product.add_text(dataset_id, "text", "alpha\nbeta", process_rule=by_line())
    file = product.add_file(dataset_id, "file.md", b"# gamma")
    product.add_file(dataset_id, "empty.txt", b"")
    product.settle()
    product.add_text(dataset_id, "waiting", "delta")
    documents = f"{root}/documents"
    return {
        "POST /datasets": got(product.api.post("/v1/datasets", json={"name": "Made"})),
        "GET /datasets": got(product.api.get("/v1/datasets")),
        f"GET {DATASET}": got(product.api.get(root)),
        f"POST {BY_TEXT}": text,
        f"POST {BY_FILE}": file,
        f"GET {LIST}": got(product.api.get(documents)),
        f"GET {DETAIL}": got(product.api.get(f"{documents}/{text['document']['id']}")),
        f"GET {DATASET}/documents/{{batch}}/indexing-status": got(
            product.api.get(f"{documents}/{text['batch']}/indexing-status")
        ),
        f"GET {DETAIL}/segments": got(product.api.get(f"{documents}/{text['document']['id']}/segments")),
        f"POST {DATASET}/retrieve": got(product.api.post(f"{root}/retrieve", json={"query": "alpha"})),
    }


def deviations(replies: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Return every place where a reply breaks the specification, with the reason of the first time."""
    found: dict[tuple[str, str], str] = {}
    for operation, reply in replies.items():
        method, path = operation.split(" ")
        schema = reply_schema(method, path)
        for place, reason in errors_of(reply, schema):
            found.setdefault((operation, place), reason)
        for place in missing_fields(reply, schema):
            found.setdefault((operation, f"lacks {place}"), "is missing")
    return found


def test_every_reply_has_the_official_shape_save_where_the_contract_decides(replies: dict[str, Any]) -> None:
    found = deviations(replies)
    assert {place: reason for place, reason in found.items() if place not in DEVIATIONS} == {}


def test_no_deviation_is_listed_that_nothing_needs(replies: dict[str, Any]) -> None:
    assert set(DEVIATIONS) - set(deviations(replies)) == set()


def test_the_lists_in_the_replies_are_not_empty(replies: dict[str, Any]) -> None:
    assert all(reply["data"] for reply in replies.values() if "data" in reply)
    assert replies[f"POST {DATASET}/retrieve"]["records"]


def test_the_validator_finds_wrong_kinds_nulls_and_strangers() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "additionalProperties": False,
        "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string", "nullable": True}}},
    }
    assert list(errors_of({"a": 1, "b": ["x", None]}, schema)) == []
    assert list(errors_of({"a": True, "b": [1], "c": 1}, schema)) == [
        ("$.a", "is no integer"),
        ("$.b[]", "is no string"),
        ("$.c", "is not in the specification"),
    ]
    assert list(errors_of({"b": None}, schema)) == [("$.a", "is missing"), ("$.b", "is null")]
    assert list(missing_fields({"a": 1}, schema)) == ["$.b"]


Call = Callable[[Product, str], Any]
MISSING = f"/v1/datasets/{UNKNOWN}"
UNKNOWN_MODEL = {"name": "a", "indexing_technique": "high_quality", "embedding_model": "unknown"}
TEXT = {"name": "a", "text": "a"}
PROVOKED: list[tuple[str, int, str, Call]] = [
    ("POST /datasets", 400, "invalid_param", lambda p, d: p.api.post("/v1/datasets", json=UNKNOWN_MODEL)),
    ("POST /datasets", 409, "dataset_name_duplicate", lambda p, d: p.api.post("/v1/datasets", json={"name": "Spec"})),
    (f"GET {DATASET}", 404, "not_found", lambda p, d: p.api.get(MISSING)),
    (f"DELETE {DATASET}", 404, "not_found", lambda p, d: p.api.delete(MISSING)),
    (f"POST {BY_TEXT}", 404, "not_found", lambda p, d: p.api.post(f"{MISSING}/document/create-by-text")),
    (f"POST {BY_TEXT}", 400, "invalid_param_indexing", lambda p, d: p.api.post(f"{d}/create-by-text", json=TEXT)),
    (f"POST {BY_FILE}", 404, "not_found", lambda p, d: p.api.post(f"{MISSING}/document/create-by-file")),
    (f"GET {LIST}", 404, "not_found", lambda p, d: p.api.get(f"{MISSING}/documents")),
    (f"GET {DETAIL}", 404, "not_found", lambda p, d: p.api.get(f"{d}s/{UNKNOWN}")),
    (f"POST {DATASET}/retrieve", 404, "not_found", lambda p, d: p.api.post(f"{MISSING}/retrieve")),
]


@pytest.fixture(scope="module")
def root(product: Product) -> str:
    """The path under which documents of a dataset called Spec are made; it has no technique."""
    return f"/v1/datasets/{product.create_dataset('Spec')}/document"


@pytest.mark.parametrize(("operation", "status", "example", "call"), PROVOKED)
def test_an_error_is_the_official_sample_word_for_word(
    product: Product, root: str, operation: str, status: int, example: str, call: Call
) -> None:
    method, path = operation.split(" ")
    content = read_spec()["paths"][path][method.lower()]["responses"][str(status)]["content"]["application/json"]
    reply = call(product, root)
    assert reply.status_code == status
    told = {key: value for key, value in reply.json().items() if key != "params"}
    assert told == content["examples"][example]["value"]
