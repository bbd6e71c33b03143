"""Zhiku as an external knowledge source: POST /retrieval (contract 10.1)."""

from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response

from tests.product import Product
from zhiku.access.service import KeyHolder, KeyRights, create_key

GUIDE = "Cats sleep in the sun.\nDogs run in the park.\nOwls hunt at night."
LINES = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 200}}}


@pytest.fixture
def dataset_id(product: Product) -> Iterator[str]:
    """A dataset with one document of three segments."""
    made = product.create_dataset("Animals", indexing_technique="high_quality")
    product.add_text(made, "guide.txt", GUIDE, process_rule=LINES)
    product.settle()
    yield made
    product.api.delete(f"/v1/datasets/{made}")


def ask(product: Product, knowledge_id: str, query: str = "owls", **fields: Any) -> Response:
    body = {"knowledge_id": knowledge_id, "query": query, "retrieval_setting": {"top_k": 2, "score_threshold": 0.0}}
    return product.api.post("/retrieval", json=body | fields)


def test_a_question_gets_content_score_title_and_metadata(product: Product, dataset_id: str) -> None:
    reply = ask(product, dataset_id, "Owls hunt at night")
    assert reply.status_code == 200
    record = reply.json()["records"][0]
    assert record["content"] == "Owls hunt at night."
    assert record["title"] == "guide.txt"
    assert 0 < record["score"] <= 1
    assert record["metadata"]["dataset_id"] == dataset_id
    assert record["metadata"]["document_name"] == "guide.txt"
    assert record["metadata"]["position"] == 3
    assert {"document_id", "segment_id"} <= record["metadata"].keys()


def test_the_route_is_served_under_v1_too(product: Product, dataset_id: str) -> None:
    body = {"knowledge_id": dataset_id, "query": "owls"}
    assert len(product.api.post("/v1/retrieval", json=body).json()["records"]) == 3


def test_a_dataset_is_found_by_its_exact_name(product: Product, dataset_id: str) -> None:
    assert ask(product, "Animals").json()["records"] != []
    assert ask(product, "animals").status_code == 404


def test_top_k_and_threshold_are_the_callers(product: Product, dataset_id: str) -> None:
    assert len(ask(product, dataset_id, retrieval_setting={"top_k": 1, "score_threshold": 0}).json()["records"]) == 1
    none = ask(product, dataset_id, "zebra", retrieval_setting={"top_k": 3, "score_threshold": 0.99})
    assert none.json()["records"] == []
    by_default = ask(product, dataset_id, retrieval_setting={"top_k": None, "score_threshold": None})
    assert len(by_default.json()["records"]) == 3


def test_the_datasets_own_method_answers(product: Product, dataset_id: str) -> None:
    product.api.patch(f"/v1/datasets/{dataset_id}", json={"retrieval_model": {"search_method": "keyword_search"}})
    assert ask(product, dataset_id, "zebra").json()["records"] == []
    assert len(ask(product, dataset_id, "owls").json()["records"]) == 1


def test_a_query_longer_than_a_persons_is_accepted(product: Product, dataset_id: str) -> None:
    assert ask(product, dataset_id, "owls " * 200).json()["records"] != []


def test_question_and_answer_come_on_a_line_each(product: Product) -> None:
    made = product.create_dataset("Help with animals", indexing_technique="high_quality")
    product.add_text(made, "faq", "Q: Who hunts?\nA: Owls do.", doc_form="qa_model")
    product.settle()
    assert ask(product, made, "Who hunts?").json()["records"][0]["content"] == "Who hunts?\nOwls do."


@pytest.mark.parametrize("name", ["animal", ["animal"]])
def test_metadata_conditions_choose_the_documents(product: Product, dataset_id: str, name: object) -> None:
    path = f"/v1/datasets/{dataset_id}"
    field = product.api.post(f"{path}/metadata", json={"type": "string", "name": "animal"}).json()
    document = product.api.get(f"{path}/documents").json()["data"][0]["id"]
    values = [{"document_id": document, "metadata_list": [{"id": field["id"], "value": "bird"}]}]
    assert product.api.post(f"{path}/documents/metadata", json={"operation_data": values}).status_code == 200

    def found(value: str) -> list[dict[str, Any]]:
        condition = {"name": name, "comparison_operator": "is", "value": value}
        return ask(product, dataset_id, metadata_condition={"conditions": [condition]}).json()["records"]

    assert found("bird")[0]["metadata"]["animal"] == "bird"
    assert found("fish") == []


def test_an_empty_knowledge_id_with_a_good_key_tries_the_connection(product: Product) -> None:
    reply = ask(product, "", "")
    assert (reply.status_code, reply.json()) == (200, {"records": []})


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, 1001),
        ("Bearer", 1001),
        ("Basic abc", 1001),
        ("Bearer dataset-unknown", 1002),
    ],
)
def test_a_header_or_key_that_is_no_good_is_403(product: Product, header: str | None, code: int) -> None:
    headers = {} if header is None else {"Authorization": header}
    reply = product.anonymous.post("/retrieval", json={"knowledge_id": "", "query": ""}, headers=headers)
    assert reply.status_code == 403
    assert reply.json()["error_code"] == code
    assert reply.json()["error_msg"]


def test_an_unknown_dataset_is_404_2001(product: Product) -> None:
    for knowledge_id in ("nowhere", "00000000-0000-4000-8000-00000000dead"):
        reply = ask(product, knowledge_id)
        assert (reply.status_code, reply.json()["error_code"]) == (404, 2001)


@pytest.mark.parametrize(
    "body",
    [
        {"query": "x"},
        {"knowledge_id": "a"},
        {"knowledge_id": 7, "query": "x"},
        {"knowledge_id": "a", "query": "x", "retrieval_setting": {"top_k": 0}},
        {"knowledge_id": "a", "query": "x", "retrieval_setting": {"top_k": "many"}},
        {"knowledge_id": "a", "query": "x", "retrieval_setting": {"score_threshold": "high"}},
        {"knowledge_id": "a", "query": "x", "metadata_condition": {"conditions": [{"name": "y"}]}},
        {"knowledge_id": "a", "query": "x", "metadata_condition": {"conditions": [{"name": [], "value": 1}]}},
    ],
)
def test_a_body_that_is_wrong_is_400_1003(product: Product, body: dict[str, Any]) -> None:
    reply = product.api.post("/retrieval", json=body)
    assert (reply.status_code, reply.json()["error_code"]) == (400, 1003)


def test_an_empty_or_endless_query_and_no_json_are_400_1003(product: Product, dataset_id: str) -> None:
    for reply in (
        ask(product, dataset_id, " "),
        ask(product, dataset_id, "x" * 10_001),
        product.api.post("/retrieval", content=b"{"),
    ):
        assert (reply.status_code, reply.json()["error_code"]) == (400, 1003)


def test_a_dataset_switched_off_or_hidden_is_403_1002_and_one_out_of_scope_404(
    product: Product, dataset_id: str
) -> None:
    other = product.create_dataset("Other animals")
    _, scoped = create_key(product.rt, "scoped", KeyRights(role="read", dataset_ids=[other]))
    _, member = create_key(product.rt, "member", KeyRights(role="read"), KeyHolder(is_member=True))
    body = {"knowledge_id": dataset_id, "query": "owls"}
    for key, status, code in ((scoped, 404, 2001), (member, 403, 1002)):
        reply = product.anonymous.post("/retrieval", json=body, headers={"Authorization": f"Bearer {key}"})
        assert (reply.status_code, reply.json()["error_code"]) == (status, code)
    product.api.patch(f"/v1/datasets/{dataset_id}", json={"enable_api": False})
    reply = ask(product, dataset_id)
    assert (reply.status_code, reply.json()["error_code"]) == (403, 1002)
