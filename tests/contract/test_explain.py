"""Explaining a retrieve: what each step saw, why a segment is in the answer or not, highlights and neighbours."""

from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, by_line, counted_statements, got, refusal
from tests.contract.key_holders import holder
from tests.product import Product

LINES = [
    "Passwords expire after ninety days.",
    "Backups are copied every night.",
    "密碼九十天后過期。",
    "Lunch is at noon.",
]
HYBRID = {"search_method": "hybrid_search", "top_k": 2}
FULL_TEXT = {"search_method": "full_text_search", "top_k": 2}


@pytest.fixture
def filled(product: Product, name: str) -> str:
    """A high_quality dataset of four lines in one document."""
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    product.add_text(dataset_id, "rules", "\n".join(LINES), process_rule=by_line())
    product.settle()
    return dataset_id


def explain(product: Product, dataset_id: str, query: str = "password expired", **body: Any) -> Any:
    return got(product.api.post(f"/v1/datasets/{dataset_id}/explain", json={"query": query, **body}))


def asked(product: Product, dataset_id: str, address: str, query: str = "password expired", **model: Any) -> Any:
    body = {"query": query, "retrieval_model": model}
    return got(product.api.post(f"/v1/datasets/{dataset_id}/retrieve{address}", json=body))


def document_of(product: Product, dataset_id: str) -> str:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]


def segments_of(product: Product, dataset_id: str) -> list[dict[str, Any]]:
    path = f"/v1/datasets/{dataset_id}/documents/{document_of(product, dataset_id)}/segments"
    return got(product.api.get(path))["data"]


def why(product: Product, dataset_id: str, place: int, query: str = "password expired", **body: Any) -> dict[str, Any]:
    segment = segments_of(product, dataset_id)[place]
    return explain(product, dataset_id, query, segment_id=segment["id"], **body)["explain"]["segment"]


def set_status(product: Product, dataset_id: str, action: str) -> None:
    path = f"/v1/datasets/{dataset_id}/documents/status/{action}"
    got(product.api.patch(path, json={"document_ids": [document_of(product, dataset_id)]}))


def test_an_explanation_has_the_records_of_a_plain_retrieve(product: Product, filled: str) -> None:
    plain = asked(product, filled, "", **HYBRID)["records"]
    for reply in (explain(product, filled, retrieval_model=HYBRID), asked(product, filled, "?explain=true", **HYBRID)):
        assert [record.pop("highlights") for record in reply["records"]] == [[[0, 9], [10, 16]], []]
        assert reply["records"] == [
            {**record, "segment": {**record["segment"], "hit_count": reply["records"][place]["segment"]["hit_count"]}}
            for place, record in enumerate(plain)
        ]
        assert reply["explain"]["funnel"]["records"] == 2


def test_explaining_counts_no_hits(product: Product, filled: str) -> None:
    explain(product, filled, retrieval_model=HYBRID)
    asked(product, filled, "?explain=true", **HYBRID)
    assert [record["segment"]["hit_count"] for record in asked(product, filled, "", **HYBRID)["records"]] == [0, 0]
    assert asked(product, filled, "?highlights=true", **HYBRID)["records"][0]["segment"]["hit_count"] == 1


def test_a_key_that_may_only_read_may_ask_for_explanations(product: Product, filled: str) -> None:
    reader = holder(product, role="read")
    assert reader.post(f"/v1/datasets/{filled}/explain", json={"query": "passwords"}).status_code == 200
    assert reader.post(f"/v1/datasets/{filled}/retrieve?explain=true", json={"query": "passwords"}).status_code == 200


def test_the_plan_tells_how_the_question_was_asked(product: Product, filled: str) -> None:
    model = {**HYBRID, "score_threshold_enabled": True, "score_threshold": 0.1, "weights": 0.25}
    plan = explain(product, filled, retrieval_model=model)["explain"]["plan"]
    assert plan == {
        "search_method": "hybrid_search",
        "branches": [{"kind": "vector", "weight": 0.25}, {"kind": "terms", "weight": 0.75}],
        "top_k": 2,
        "score_threshold": 0.1,
        "recall": 50,
    }


def test_words_are_told_as_they_are_looked_up_with_how_rare_they_are(product: Product, filled: str) -> None:
    words = explain(product, filled, "the passwords 密碼 zebra", retrieval_model=FULL_TEXT)["explain"]["words"]
    assert [(word["word"], word["postings"]) for word in words] == [("password", 1), ("密码", 1), ("zebra", 0)]
    assert words[2]["idf"] > words[0]["idf"] > 0


def test_every_branch_tells_its_candidates_with_raw_score_score_and_rank(product: Product, filled: str) -> None:
    told = explain(product, filled, retrieval_model=HYBRID)["explain"]
    vector, terms = told["branches"]
    assert [vector["kind"], terms["kind"]] == ["vector", "terms"]
    assert (vector["found"], terms["found"]) == (4, 1)
    assert [each["rank"] for each in vector["candidates"]] == [1, 2, 3, 4]
    best = vector["candidates"][0]
    assert best["score"] == pytest.approx(0.01 + 0.99 * best["raw_score"])
    assert best["excerpt"] == LINES[0]
    (lexical,) = terms["candidates"]
    assert lexical["raw_score"] == pytest.approx(lexical["score"] * sum(word["idf"] for word in told["words"]) * 2.2)
    assert terms["took_ms"] >= 0


def test_the_fused_list_adds_up_what_each_branch_gives(product: Product, filled: str) -> None:
    told = explain(product, filled, retrieval_model={**HYBRID, "weights": 0.25})["explain"]
    for each in told["fused"]:
        assert each["score"] == pytest.approx(sum(each["contributions"].values()))
    assert set(told["fused"][0]["contributions"]) == {"vector", "terms"}
    assert [each["fate"] for each in told["fused"]] == ["answer", "answer", "beyond_top_k", "beyond_top_k"]
    assert told["dropped"] == {"beyond_top_k": 2}
    assert told["funnel"] == {"candidates": 4, "above_threshold": 4, "may_answer": 4, "records": 2}
    assert told["reason"] is None


def test_timings_add_up_to_the_total(product: Product, filled: str) -> None:
    timings = explain(product, filled)["explain"]["timings"]
    total = timings.pop("total")
    assert total == pytest.approx(sum(timings.values()))


def test_the_scope_tells_how_many_documents_meet_the_conditions(product: Product, filled: str) -> None:
    segment_id = segments_of(product, filled)[0]["id"]
    product.add_text(filled, "other", "Passwords again.")
    product.settle()
    conditions = {"conditions": [{"name": "document_name", "comparison_operator": "is", "value": "other"}]}
    scope = explain(product, filled, metadata_filtering_conditions=conditions)["explain"]["scope"]
    assert (scope["documents"], scope["passing"]) == (2, 1)
    assert scope["conditions"]["conditions"][0]["value"] == "other"
    assert explain(product, filled)["explain"]["scope"] == {"documents": 2, "passing": 2, "conditions": None}
    barred = explain(product, filled, metadata_filtering_conditions=conditions, segment_id=segment_id)
    assert barred["explain"]["segment"]["reason"]["code"] == "document_filtered"
    assert barred["explain"]["segment"]["score"] > 0
    nothing = {"conditions": [{"name": "document_name", "comparison_operator": "is", "value": "none"}]}
    empty = explain(product, filled, metadata_filtering_conditions=nothing)
    assert (empty["records"], empty["explain"]["reason"]["code"]) == ([], "no_document_passes")


def test_a_segment_in_the_answer_is_told_its_rank_and_scores(product: Product, filled: str) -> None:
    told = why(product, filled, 0, retrieval_model=HYBRID)
    assert (told["rank"], told["reason"]["code"]) == (1, "answer")
    assert told["reason"]["message"] == f"It is answer number 1, with a score of {told['score']:.3f}."
    assert [(each["kind"], each["rank"], each["is_candidate"]) for each in told["branches"]] == [
        ("vector", 1, True),
        ("terms", 1, True),
    ]


def test_a_segment_beyond_top_k_is_told_so(product: Product, filled: str) -> None:
    found = explain(product, filled, retrieval_model={**HYBRID, "top_k": 1})["explain"]["fused"]
    second = explain(product, filled, retrieval_model={**HYBRID, "top_k": 1}, segment_id=found[1]["segment_id"])[
        "explain"
    ]["segment"]
    assert second["reason"] == {
        "code": "beyond_top_k",
        "message": "It is number 2 of what could answer, and only 1 are asked for.",
        "params": {"rank": 2, "top_k": 1},
    }


def test_a_segment_below_the_threshold_is_told_its_score(product: Product, filled: str) -> None:
    model = {**HYBRID, "score_threshold_enabled": True, "score_threshold": 0.9}
    told = why(product, filled, 3, retrieval_model=model)
    assert told["reason"]["code"] == "below_threshold"
    assert told["reason"]["params"] == {"score": told["score"], "threshold": 0.9}
    empty = explain(product, filled, retrieval_model=model)["explain"]
    assert empty["reason"]["code"] == "best_below_threshold"
    assert empty["dropped"] == {"below_threshold": 4}


def test_a_segment_without_the_words_of_a_full_text_search_is_told_so(product: Product, filled: str) -> None:
    told = why(product, filled, 3, retrieval_model=FULL_TEXT)
    assert (told["reason"]["code"], told["score"], told["rank"]) == ("no_shared_word", None, None)
    assert explain(product, filled, "zebra", retrieval_model=FULL_TEXT)["explain"]["reason"]["code"] == "no_word_found"
    assert explain(product, filled, "the of !?", retrieval_model=FULL_TEXT)["explain"]["reason"]["code"] == "no_words"


def test_a_segment_too_deep_for_every_branch_is_told_so(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    product.add_text(
        dataset_id, "many", "\n".join(["alpha"] + [f"alpha w{i}" for i in range(60)]), process_rule=by_line()
    )
    product.settle()
    found = explain(product, dataset_id, "alpha", retrieval_model={**FULL_TEXT, "top_k": 1})["explain"]
    brought = {each["segment_id"] for each in found["fused"]}
    missing = next(each for each in segments_of(product, dataset_id)[::-1] if each["id"] not in brought)
    told = explain(product, dataset_id, "alpha", retrieval_model={**FULL_TEXT, "top_k": 1}, segment_id=missing["id"])[
        "explain"
    ]["segment"]
    assert told["reason"]["code"] == "not_recalled"
    assert told["branches"][0]["rank"] > found["branches"][0]["depth"]
    assert not told["branches"][0]["is_candidate"]


def test_a_disabled_segment_is_told_so(product: Product, filled: str) -> None:
    segment = segments_of(product, filled)[0]
    path = f"/v1/datasets/{filled}/documents/{document_of(product, filled)}/segments/{segment['id']}"
    got(product.api.post(path, json={"segment": {"enabled": False}}))
    product.settle()
    assert why(product, filled, 0)["reason"]["code"] == "segment_disabled"


@pytest.mark.parametrize(("action", "code"), [("disable", "document_disabled"), ("archive", "document_archived")])
def test_segments_of_a_disabled_or_archived_document_are_told_so(
    product: Product, filled: str, action: str, code: str
) -> None:
    set_status(product, filled, action)
    reply = explain(product, filled, segment_id=segments_of(product, filled)[0]["id"])
    assert reply["records"] == []
    told = reply["explain"]
    assert (told["segment"]["reason"]["code"], told["reason"]["code"]) == (code, "none_may_answer")
    assert told["dropped"] == {code: 4}
    assert told["segment"]["score"] > 0


def test_child_chunks_merge_into_their_segment(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="high_quality")
    rule = {
        "mode": "hierarchical",
        "rules": {
            "segmentation": {"separator": "\n\n", "max_tokens": 500},
            "parent_mode": "paragraph",
            "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
        },
    }
    text = "alpha one\nalpha two\n\nbeta"
    product.add_text(dataset_id, "family", text, doc_form="hierarchical_model", process_rule=rule)
    product.settle()
    segment_id = segments_of(product, dataset_id)[0]["id"]
    reply = explain(product, dataset_id, "alpha", retrieval_model=FULL_TEXT, segment_id=segment_id)
    told = reply["explain"]
    assert [each["fate"] for each in told["fused"]] == ["answer", "merged"]
    assert {each["segment_id"] for each in told["fused"]} == {segment_id}
    assert {each["hook_id"] for each in told["fused"]} == {each["id"] for each in reply["records"][0]["child_chunks"]}
    assert told["funnel"] == {"candidates": 2, "above_threshold": 2, "may_answer": 1, "records": 1}
    assert told["segment"]["reason"]["code"] == "answer"


def test_an_economy_dataset_is_explained_by_its_keywords(product: Product, name: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique="economy")
    product.add_text(dataset_id, "rules", "\n".join(LINES), process_rule=by_line(), indexing_technique="economy")
    product.settle()
    reply = explain(product, dataset_id, "密码")
    assert [branch["kind"] for branch in reply["explain"]["branches"]] == ["keywords"]
    assert reply["records"][0]["highlights"] == [[0, 2]]
    assert why(product, dataset_id, 0, "密码")["reason"]["code"] == "no_shared_word"


def test_a_dataset_without_documents_says_that_nothing_is_indexed(product: Product, name: str) -> None:
    reply = explain(product, product.create_dataset(name, indexing_technique="high_quality"))
    assert (reply["records"], reply["explain"]["plan"]) == ([], None)
    assert reply["explain"]["reason"]["code"] == "nothing_indexed"


def test_an_unknown_segment_is_404(product: Product, filled: str) -> None:
    for wrong in (UNKNOWN, "x"):
        reply = product.api.post(f"/v1/datasets/{filled}/explain", json={"query": "a", "segment_id": wrong})
        assert refusal(reply) == (404, "not_found", "Segment not found.")


def test_a_segment_of_another_dataset_is_404(product: Product, filled: str, name: str) -> None:
    other = product.create_dataset(f"{name} other", indexing_technique="high_quality")
    body = {"query": "a", "segment_id": segments_of(product, filled)[0]["id"]}
    assert product.api.post(f"/v1/datasets/{other}/explain", json=body).status_code == 404


@pytest.mark.parametrize("body", [{}, {"query": "x" * 251}, {"query": "a", "retrieval_model": {"top_k": 0}}])
def test_what_a_retrieve_refuses_an_explanation_refuses_too(product: Product, filled: str, body: Any) -> None:
    plain, explained = (
        product.api.post(f"/v1/datasets/{filled}/{path}", json=body) for path in ("retrieve", "explain")
    )
    assert refusal(explained) == refusal(plain)


def test_a_plain_retrieve_shows_nothing_more_and_reads_less(product: Product, filled: str) -> None:
    asked(product, filled, "", **HYBRID)
    with counted_statements() as plain:
        reply = asked(product, filled, "", **HYBRID)
    with counted_statements() as detailed:
        asked(product, filled, "?neighbours=1", **HYBRID)
    assert "explain" not in reply
    assert not {"highlights", "neighbours"} & set(reply["records"][0])
    assert len(plain) < len(detailed)


@pytest.mark.parametrize(
    ("query", "marked"),
    [("password expiring", ["Passwords", "expire"]), ("密码 过期", ["密碼", "過期"]), ("the at", [])],
)
def test_highlights_mark_the_words_as_the_search_reads_them(
    product: Product, filled: str, query: str, marked: list[str]
) -> None:
    record = asked(product, filled, "?highlights=true", query, **HYBRID)["records"][0]
    content = record["segment"]["content"]
    assert [content[start:end] for start, end in record["highlights"]] == marked


def test_neighbours_are_the_enabled_segments_before_and_behind(product: Product, filled: str) -> None:
    segments = segments_of(product, filled)
    path = f"/v1/datasets/{filled}/documents/{document_of(product, filled)}/segments/{segments[1]['id']}"
    got(product.api.post(path, json={"segment": {"enabled": False}}))
    product.settle()
    around = asked(product, filled, "?neighbours=1", "密码", **FULL_TEXT)["records"][0]["neighbours"]
    assert around == {
        "before": [{"id": segments[0]["id"], "position": 1, "content": LINES[0]}],
        "after": [{"id": segments[3]["id"], "position": 4, "content": LINES[3]}],
    }
    first = asked(product, filled, "?neighbours=3", "passwords", **FULL_TEXT)["records"][0]["neighbours"]
    assert [each["position"] for each in first["before"]] == []
    assert [each["position"] for each in first["after"]] == [3, 4]


@pytest.mark.parametrize("address", ["?neighbours=4", "?neighbours=-1", "?neighbours=x", "?highlights=perhaps"])
def test_details_out_of_range_are_400(product: Product, filled: str, address: str) -> None:
    reply = product.api.post(f"/v1/datasets/{filled}/retrieve{address}", json={"query": "a"})
    assert refusal(reply)[:2] == (400, "invalid_param")


def test_empty_details_are_absent_ones(product: Product, filled: str) -> None:
    assert "highlights" not in asked(product, filled, "?highlights=&neighbours=", **HYBRID)["records"][0]
