"""Retrieve: what may be asked, how it is scored, cut and shown (contract 1.5, 5.1 to 5.5)."""

from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.product import Product

LINES = [
    "Passwords expire after ninety days.",
    "Backups are copied every night.",
    "密码九十天后过期。",
    "Lunch is at noon.",
]
METHODS = ["keyword_search", "full_text_search", "semantic_search", "hybrid_search"]


def fill(product: Product, dataset_name: str, technique: str) -> str:
    dataset_id = product.create_dataset(dataset_name, indexing_technique=technique)
    product.add_text(dataset_id, "rules", "\n".join(LINES), process_rule=by_line())
    product.settle()
    return dataset_id


@pytest.fixture(scope="module")
def filled(product: Product) -> str:
    """A high_quality dataset of four lines."""
    return fill(product, "Filled", "high_quality")


@pytest.fixture(scope="module")
def economy(product: Product) -> str:
    """An economy dataset of the same lines."""
    return fill(product, "Filled economy", "economy")


def ask(product: Product, dataset_id: str, **body: Any) -> Any:
    return product.api.post(f"/v1/datasets/{dataset_id}/retrieve", json=body)


def records(product: Product, dataset_id: str, query: str, **model: Any) -> list[dict[str, Any]]:
    return got(ask(product, dataset_id, query=query, retrieval_model=model))["records"]


def contents(found: list[dict[str, Any]]) -> list[str]:
    return [record["segment"]["content"] for record in found]


@pytest.mark.parametrize("path", ["retrieve", "hit-testing", "hit_testing"])
def test_every_name_of_the_route_is_served(product: Product, filled: str, path: str) -> None:
    reply = product.api.post(f"/v1/datasets/{filled}/{path}", json={"query": "passwords"})
    assert contents(got(reply)["records"])[0] == LINES[0]


def test_a_record_has_the_shape_of_the_contract(product: Product, filled: str) -> None:
    query = " when do passwords  expire? "
    reply = got(ask(product, filled, query=query))
    assert reply["query"] == {"content": query}
    record = reply["records"][0]
    segment = record.pop("segment")
    assert 0 < record.pop("score") <= 1
    assert record == {"child_chunks": [], "tsne_position": None, "files": [], "summary": None}
    document = segment.pop("document")
    path = f"/v1/datasets/{filled}/documents/{document['id']}"
    assert document == {
        "id": segment["document_id"],
        "data_source_type": "upload_file",
        "name": "rules",
        "doc_type": None,
        "doc_metadata": {},
    }
    (listed,) = [each for each in got(product.api.get(f"{path}/segments"))["data"] if each["id"] == segment["id"]]
    volatile = {"hit_count"}
    assert {key: listed[key] for key in segment if key not in volatile} == {
        key: value for key, value in segment.items() if key not in volatile
    }


@pytest.mark.parametrize("query", ["x" * 250, "知" * 250, "🐙" * 250])
def test_a_query_may_have_250_code_points(product: Product, filled: str, query: str) -> None:
    assert ask(product, filled, query=query).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Query or attachment_ids is required"),
        ({"query": None}, "Query or attachment_ids is required"),
        ({"query": ""}, "Query or attachment_ids is required"),
        ({"query": " \n\u3000"}, "Query or attachment_ids is required"),
        ({"query": "", "attachment_ids": []}, "Query or attachment_ids is required"),
        ({"query": "x" * 251}, "Query cannot exceed 250 characters"),
        ({"query": "🐙" * 251}, "Query cannot exceed 250 characters"),
    ],
)
def test_a_missing_blank_or_long_query_is_400(
    product: Product, filled: str, body: dict[str, Any], message: str
) -> None:
    assert refusal(ask(product, filled, **body)) == (400, "invalid_param", message)


@pytest.mark.parametrize("content", [b"", b"null"])
def test_an_empty_body_is_a_missing_query(product: Product, filled: str, content: bytes) -> None:
    reply = product.api.post(f"/v1/datasets/{filled}/retrieve", content=content)
    assert refusal(reply) == (400, "invalid_param", "Query or attachment_ids is required")


@pytest.mark.parametrize("wrong", ["a", {}, 1, True])
def test_attachments_that_are_no_list_are_400(product: Product, filled: str, wrong: Any) -> None:
    status, code, message = refusal(ask(product, filled, query="a", attachment_ids=wrong))
    assert (status, code) == (400, "invalid_param")
    assert "Attachment_ids must be a list" in message


def test_unknown_attachments_beside_a_query_are_ignored(product: Product, filled: str) -> None:
    assert got(ask(product, filled, query="passwords", attachment_ids=[UNKNOWN, "x"]))["records"]


def test_external_settings_are_ignored_for_a_vendor_dataset(product: Product, filled: str) -> None:
    external = {"top_k": 1, "score_threshold": 0.99, "score_threshold_enabled": True}
    assert len(got(ask(product, filled, query="passwords", external_retrieval_model=external))["records"]) == 3


def test_an_unknown_rerank_model_with_reranking_on_is_400(product: Product, filled: str) -> None:
    rerank = {"reranking_provider_name": "p", "reranking_model_name": "m"}
    model = {"search_method": "semantic_search", "reranking_enable": True, "reranking_model": rerank}
    message = (
        "No Embedding Model or Reranking Model available. "
        "Please configure a valid provider in the Settings -> Model Provider."
    )
    reply = ask(product, filled, query="a", retrieval_model=model)
    assert refusal(reply) == (400, "provider_not_initialize", message)


@pytest.mark.parametrize(
    "model",
    [
        {"reranking_enable": True},
        {"reranking_enable": True, "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""}},
        {"reranking_enable": False, "reranking_model": {"reranking_provider_name": "p", "reranking_model_name": "m"}},
        {"reranking_mode": ""},
        {"top_k": "2"},
        {"top_k": 2.0},
        {"search_method": "hybrid_search", "weights": 0.3},
        {"reranking_mode": {"reranking_provider_name": "p", "reranking_model_name": "m"}},
        {"stray": 1},
        {},
    ],
)
def test_a_retrieval_model_is_read_in_every_documented_shape(product: Product, filled: str, model: Any) -> None:
    assert contents(records(product, filled, "passwords expire", **model))[0] == LINES[0]


def test_a_dataset_without_documents_answers_nothing(product: Product, name: str) -> None:
    for technique in (None, "economy", "high_quality"):
        empty = product.create_dataset(f"{name} {technique}", indexing_technique=technique)
        assert got(ask(product, empty, query="a")) == {"query": {"content": "a"}, "records": []}


def test_the_stored_model_counts_when_the_request_has_none(product: Product, name: str) -> None:
    model = {"search_method": "full_text_search", "top_k": 1}
    dataset_id = product.create_dataset(name, indexing_technique="high_quality", retrieval_model=model)
    product.add_text(dataset_id, "rules", "alpha one\nalpha two\nbeta", process_rule=by_line())
    product.settle()
    assert len(got(ask(product, dataset_id, query="alpha"))["records"]) == 1
    assert contents(got(ask(product, dataset_id, query="beta"))["records"]) == ["beta"]


def test_the_requests_model_replaces_the_stored_one_wholly(product: Product, name: str) -> None:
    model = {"search_method": "full_text_search", "top_k": 1, "score_threshold_enabled": True, "score_threshold": 1.0}
    dataset_id = product.create_dataset(name, indexing_technique="high_quality", retrieval_model=model)
    product.add_text(dataset_id, "rules", "a1\na2\na3\na4\na5", process_rule=by_line())
    product.settle()
    assert len(records(product, dataset_id, "a1", search_method="semantic_search")) == 3


def test_the_default_returns_3_records(product: Product, filled: str) -> None:
    assert len(got(ask(product, filled, query="passwords"))["records"]) == 3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("top_k", [1, 2, 200])
def test_at_most_top_k_records_are_returned_best_first(product: Product, filled: str, method: str, top_k: int) -> None:
    found = records(product, filled, "passwords expire 密码", search_method=method, top_k=top_k)
    scores = [record["score"] for record in found]
    assert 1 <= len(found) <= min(top_k, len(LINES))
    assert scores == sorted(scores, reverse=True)
    assert all(isinstance(score, float) and 0 <= score <= 1 for score in scores)
    assert len({record["segment"]["id"] for record in found}) == len(found)


@pytest.mark.parametrize("top_k", [0, -1, 201, 10**20])
def test_a_top_k_outside_1_to_200_is_400(product: Product, filled: str, top_k: int) -> None:
    status, code, message = refusal(ask(product, filled, query="a", retrieval_model={"top_k": top_k}))
    assert (status, code) == (400, "invalid_param")
    assert "top_k" in message


@pytest.mark.parametrize("method", ["keyword_search", "full_text_search"])
def test_lexical_methods_leave_out_what_shares_no_word(product: Product, filled: str, method: str) -> None:
    assert contents(records(product, filled, "lunch", search_method=method)) == [LINES[3]]
    assert records(product, filled, "zebra", search_method=method) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_threshold_applies_to_every_method_and_only_when_enabled(product: Product, filled: str, method: str) -> None:
    query = "passwords expire after ninety days"
    best = records(product, filled, query, search_method=method, top_k=10)
    limits = {"search_method": method, "top_k": 10, "score_threshold_enabled": True}
    threshold = best[0]["score"]
    kept = records(product, filled, query, **limits, score_threshold=threshold)
    assert contents(kept) == contents([record for record in best if record["score"] >= threshold])
    assert len(records(product, filled, query, **limits, score_threshold=0)) == len(best)
    assert len(records(product, filled, query, **limits)) == len(best)
    off = {**limits, "score_threshold_enabled": False}
    assert len(records(product, filled, query, **off, score_threshold=1.0)) == len(best)


def test_weights_move_a_hybrid_search_between_its_branches(product: Product, filled: str) -> None:
    def scores(vector: float, keyword: float, **more: Any) -> dict[str, float]:
        weights = {"vector_setting": {"vector_weight": vector}, "keyword_setting": {"keyword_weight": keyword}}
        found = records(product, filled, "passwords", search_method="hybrid_search", top_k=10, weights=weights, **more)
        return {record["segment"]["id"]: record["score"] for record in found}

    def alone(method: str) -> dict[str, float]:
        found = records(product, filled, "passwords", search_method=method, top_k=10)
        return {record["segment"]["id"]: record["score"] for record in found}

    semantic, lexical = alone("semantic_search"), alone("full_text_search")
    assert scores(1.0, 0.0) == pytest.approx(semantic)
    assert {key: value for key, value in scores(0.0, 1.0).items() if value > 0} == pytest.approx(lexical)
    mixed = {key: 0.25 * value + 0.75 * lexical.get(key, 0.0) for key, value in semantic.items()}
    assert scores(0.25, 0.75) == pytest.approx(mixed)
    assert scores(1.0, 3.0) == pytest.approx(mixed), "weights are divided by a sum over 1"
    assert scores(0.25, 0.75, reranking_enable=False) == pytest.approx(mixed)


@pytest.mark.parametrize(
    ("weight_type", "method"), [("semantic_first", "semantic_search"), ("keyword_first", "full_text_search")]
)
def test_a_weight_type_counts_when_the_numbers_are_absent(
    product: Product, filled: str, weight_type: str, method: str
) -> None:
    hybrid = {"search_method": "hybrid_search", "weights": {"weight_type": weight_type}}
    one = records(product, filled, "passwords", **hybrid, top_k=1)
    other = records(product, filled, "passwords", search_method=method, top_k=1)
    assert contents(one) == contents(other)
    assert one[0]["score"] == pytest.approx(other[0]["score"])


@pytest.mark.parametrize("method", METHODS)
def test_an_economy_dataset_answers_every_method_from_its_keywords(product: Product, economy: str, method: str) -> None:
    found = records(product, economy, "密码", search_method=method)
    assert contents(found) == [LINES[2]]
    assert [(r["segment"]["id"], r["score"]) for r in found] == [
        (r["segment"]["id"], r["score"]) for r in records(product, economy, "密码", search_method="keyword_search")
    ]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_request_returns_the_same_list(product: Product, filled: str, method: str) -> None:
    first, second = (records(product, filled, "passwords backups", search_method=method) for _ in range(2))
    assert [(r["segment"]["id"], r["score"]) for r in first] == [(r["segment"]["id"], r["score"]) for r in second]


@pytest.mark.parametrize("method", METHODS)
def test_equal_texts_are_two_records_in_the_order_of_documents_and_positions(
    product: Product, name: str, method: str
) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    for document in ("first", "second"):
        product.add_text(dataset_id, document, "same words\nsame words", process_rule=by_line())
    product.settle()
    found = records(product, dataset_id, "same words", search_method=method, top_k=10)
    places = [(record["segment"]["document"]["name"], record["segment"]["position"]) for record in found]
    assert places == [("first", 1), ("first", 2), ("second", 1), ("second", 2)]


def test_hit_counts_show_the_value_before_the_call_and_grow_after_it(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    made = product.add_text(dataset_id, "rules", "alpha\nbeta", process_rule=by_line())["document"]
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{made['id']}"
    for earlier in range(3):
        assert got(product.api.get(path))["hit_count"] == earlier
        assert records(product, dataset_id, "alpha", top_k=1)[0]["segment"]["hit_count"] == earlier
    assert {row["content"]: row["hit_count"] for row in got(product.api.get(f"{path}/segments"))["data"]} == {
        "alpha": 3,
        "beta": 0,
    }
    assert got(product.api.get(path))["hit_count"] == 3


def test_a_document_that_never_completed_does_not_answer(product: Product, dataset_id: str) -> None:
    product.add_text(dataset_id, "waiting", "alpha")
    assert records(product, dataset_id, "alpha", search_method="full_text_search") == []
    product.settle()
    assert contents(records(product, dataset_id, "alpha", search_method="full_text_search")) == ["alpha"]


def test_a_deleted_document_is_gone_from_the_very_next_answer(product: Product, dataset_id: str) -> None:
    made = [product.add_text(dataset_id, each, f"alpha {each}") for each in ("one", "two", "three")]
    product.settle()
    product.api.delete(f"/v1/datasets/{dataset_id}/documents/{made[0]['document']['id']}")
    found = records(product, dataset_id, "alpha", search_method="full_text_search", top_k=2)
    assert sorted(contents(found)) == ["alpha three", "alpha two"]


def test_a_refused_question_changes_nothing(product: Product, filled: str) -> None:
    before = state(product)
    refusal(ask(product, filled, query="x" * 251))
    refusal(ask(product, filled, query="a", retrieval_model={"search_method": "other"}))
    assert state(product) == before


def test_an_unknown_dataset_is_404_before_the_body_is_judged(product: Product) -> None:
    assert refusal(ask(product, UNKNOWN)) == (404, "not_found", "Dataset not found.")
