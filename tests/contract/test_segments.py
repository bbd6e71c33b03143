"""List the segments of a document (contract 1.4, 3.1, 3.4-19, 4.4, 4.5)."""

import hashlib
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.calls import UNKNOWN, UUID, by_line, got, refusal
from tests.product import Product

LINES = ["Alpha 100%", "beta_two", "知识 ALPHA", "über", "last"]


def make(product: Product, name: str, technique: str = "economy", text: str = "\n".join(LINES)) -> str:
    """Return the path of the segments of a completed document."""
    dataset_id = product.create_dataset(name, indexing_technique=technique)
    made = product.add_text(dataset_id, "lines", text, process_rule=by_line())
    product.settle()
    return f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}/segments"


@pytest.fixture(scope="module")
def path(product: Product) -> str:
    """The segments of a document of five lines."""
    return make(product, "Five lines")


def ask(product: Product, path: str, query: str = "") -> dict[str, Any]:
    return got(product.api.get(path + query))


def contents(product: Product, path: str, query: str = "") -> list[str]:
    return [segment["content"] for segment in ask(product, path, query)["data"]]


@pytest.mark.parametrize("technique", ["economy", "high_quality"])
def test_a_segment_has_all_fields_of_the_contract(product: Product, name: str, technique: str) -> None:
    path = make(product, name, technique, "alpha beta")
    reply = ask(product, path)
    (segment,) = reply.pop("data")
    assert reply == {"doc_form": "text_model", "total": 1, "has_more": False, "limit": 20, "page": 1}
    for field in ("id", "created_by", "updated_by", "index_node_id"):
        assert UUID.fullmatch(segment.pop(field))
    times = [segment.pop(field) for field in ("created_at", "indexing_at", "completed_at", "updated_at")]
    assert all(isinstance(time, int) for time in times) and times[0] <= times[2]
    assert segment.pop("tokens") > 0
    keywords = segment.pop("keywords")
    assert sorted(keywords) == (["alpha", "beta"] if technique == "economy" else [])
    assert segment == {
        "position": 1,
        "document_id": path.split("/")[-2],
        "content": "alpha beta",
        "sign_content": "alpha beta",
        "answer": None,
        "word_count": len("alpha beta"),
        "index_node_hash": hashlib.sha256(b"alpha betaNone").hexdigest(),
        "hit_count": 0,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "status": "completed",
        "error": None,
        "stopped_at": None,
        "place": None,
        "child_chunks": [],
        "attachments": [],
        "summary": None,
    }


def test_segments_come_by_position_from_1(product: Product, path: str) -> None:
    data = ask(product, path)["data"]
    assert [(segment["position"], segment["content"]) for segment in data] == list(enumerate(LINES, start=1))


def test_words_are_counted_in_code_points(product: Product, path: str) -> None:
    assert [segment["word_count"] for segment in ask(product, path)["data"]] == [len(line) for line in LINES]


@pytest.mark.parametrize(
    ("query", "expected", "has_more"),
    [
        ("?limit=2", LINES[:2], True),
        ("?limit=2&page=3", LINES[4:], False),
        ("?limit=5", LINES, False),
        ("?limit=5&page=2", [], False),
        ("?page=&limit=", LINES, False),
    ],
)
def test_has_more_tells_whether_segments_follow(
    product: Product, path: str, query: str, expected: list[str], has_more: bool
) -> None:
    page = ask(product, path, query)
    assert [segment["content"] for segment in page["data"]] == expected
    assert (page["has_more"], page["total"]) == (has_more, 5)


def test_a_limit_over_100_is_clamped(product: Product, path: str) -> None:
    assert ask(product, path, "?limit=101")["limit"] == 100


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "limit=0", "limit=-5", "limit=2.5", "keyword=%00", "keyword=%FF"]
)
def test_a_wrong_parameter_is_400(product: Product, path: str, query: str) -> None:
    status, code, message = refusal(product.api.get(f"{path}?{query}"))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith((query.split("=", maxsplit=1)[0] + ": ", "query: "))


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("alpha", [LINES[0], LINES[2]]),
        ("%", [LINES[0]]),
        ("_", [LINES[1]]),
        ("知识", [LINES[2]]),
        ("ÜBER", [LINES[3]]),
        ("nothing", []),
        ("", LINES),
    ],
)
def test_keyword_is_a_literal_case_insensitive_part_of_the_content(
    product: Product, path: str, keyword: str, expected: list[str]
) -> None:
    assert contents(product, path, f"?keyword={quote(keyword)}") == expected


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?status=completed", 5),
        ("?status=indexing", 0),
        ("?status=unknown", 0),
        ("?status=Completed", 0),
        ("?status=", 5),
        ("?status=error&status=completed", 5),
        ("?status=error,completed", 5),
        ("?status[]=completed", 5),
        ("?status=error,waiting", 0),
        ("?status=completed&keyword=alpha", 2),
    ],
)
def test_status_is_matched_exactly_and_may_be_repeated(product: Product, path: str, query: str, count: int) -> None:
    assert ask(product, path, query)["total"] == count


def test_segments_are_listed_in_any_state_of_the_document(product: Product, dataset_id: str) -> None:
    waiting = product.add_text(dataset_id, "new", "alpha")["document"]["id"]
    assert ask(product, f"/v1/datasets/{dataset_id}/documents/{waiting}/segments")["data"] == []
    failed = product.add_file(dataset_id, "empty.txt", b"")["document"]["id"]
    product.settle()
    assert ask(product, f"/v1/datasets/{dataset_id}/documents/{failed}/segments")["total"] == 0


def test_a_document_being_replaced_lists_what_answers(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "rules", "old")
    product.settle()
    product.add_text(dataset_id, "rules", "new")
    path = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}/segments"
    assert contents(product, path) == ["old"]
    product.settle()
    assert contents(product, path) == ["new"]


def test_an_unchanged_text_keeps_its_segment_through_a_replacement(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "rules", "one\ntwo", process_rule=by_line())
    product.settle()
    path = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}/segments"
    before = {segment["content"]: segment["id"] for segment in ask(product, path)["data"]}
    product.add_text(dataset_id, "rules", "zero\ntwo", process_rule=by_line())
    product.settle()
    after = {segment["content"]: segment["id"] for segment in ask(product, path)["data"]}
    assert after["two"] == before["two"] and set(after) == {"zero", "two"}
    assert after["zero"] not in before.values()


def test_leading_full_stops_and_blanks_are_stripped_and_nothing_else(product: Product, name: str) -> None:
    text = ". one\n。two\n  three  \n# four\n“five”\n\n[six]"
    path = make(product, name, text=text)
    assert contents(product, path) == ["one", "two", "three", "# four", "“five”", "[six]"]


def test_an_unknown_document_is_404(product: Product, dataset_id: str) -> None:
    reply = product.api.get(f"/v1/datasets/{dataset_id}/documents/{UNKNOWN}/segments")
    assert refusal(reply) == (404, "not_found", "Document not found.")
    reply = product.api.get(f"/v1/datasets/{UNKNOWN}/documents/{UNKNOWN}/segments")
    assert refusal(reply) == (404, "not_found", "Dataset not found.")
