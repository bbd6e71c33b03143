"""List, get and delete documents, and the status of a batch (contract 1.3, 2.3, 3.3-8 to 10, 3.3-13, 4.7)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.calls import UNKNOWN, by_line, got, refusal
from tests.contract.working import while_embedding
from tests.product import Product

TIMES = (
    "processing_started_at",
    "parsing_completed_at",
    "cleaning_completed_at",
    "splitting_completed_at",
    "completed_at",
)
STATES = {"done": "available", "failed.txt": "error", "new": "queuing"}


@pytest.fixture
def shelf(product: Product, name: str) -> str:
    """A dataset with a completed, a failed and a waiting document, oldest first."""
    dataset_id = product.create_dataset(name, indexing_technique="economy")
    product.add_text(dataset_id, "done", "alpha beta\ngamma", process_rule=by_line())
    product.add_file(dataset_id, "failed.txt", b"")
    product.settle()
    product.add_text(dataset_id, "new", "delta")
    return dataset_id


def ask(product: Product, dataset_id: str, query: str = "") -> dict[str, Any]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents{query}"))


def names(product: Product, dataset_id: str, query: str = "") -> list[str]:
    return [row["name"] for row in ask(product, dataset_id, query)["data"]]


def path_of(product: Product, dataset_id: str, document: str) -> str:
    (row,) = [row for row in ask(product, dataset_id)["data"] if row["name"] == document]
    return f"/v1/datasets/{dataset_id}/documents/{row['id']}"


def test_a_dataset_without_documents_lists_nothing(product: Product, dataset_id: str) -> None:
    expected = {"data": [], "has_more": False, "limit": 20, "total": 0, "page": 1}
    assert ask(product, dataset_id) == expected


def test_the_newest_document_comes_first(product: Product, shelf: str) -> None:
    assert names(product, shelf) == ["new", "failed.txt", "done"]


def test_the_list_shows_what_create_showed(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "one", "alpha")
    assert ask(product, dataset_id)["data"] == [made["document"]]


@pytest.mark.parametrize(
    ("query", "expected", "has_more"),
    [
        ("?limit=2", ["new", "failed.txt"], True),
        ("?limit=2&page=2", ["done"], False),
        ("?limit=3", ["new", "failed.txt", "done"], False),
        ("?limit=3&page=2", [], False),
    ],
)
def test_has_more_tells_whether_documents_follow(
    product: Product, shelf: str, query: str, expected: list[str], has_more: bool
) -> None:
    page = ask(product, shelf, query)
    assert [row["name"] for row in page["data"]] == expected
    assert (page["has_more"], page["total"]) == (has_more, 3)


def test_a_limit_over_100_is_clamped_and_echoed(product: Product, shelf: str) -> None:
    assert ask(product, shelf, "?limit=500&page=2")["limit"] == 100


@pytest.mark.parametrize("query", ["page=0", "page=x", "limit=0", "limit=-1", "limit=1.5", "page=%00"])
def test_a_wrong_page_is_400(product: Product, shelf: str, query: str) -> None:
    reply = product.api.get(f"/v1/datasets/{shelf}/documents?{query}")
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(query.split("=", maxsplit=1)[0] + ": ")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("available", ["done"]),
        ("active", ["done"]),
        ("enabled", ["done"]),
        ("completed", ["done"]),
        ("error", ["failed.txt"]),
        ("queuing", ["new"]),
        ("waiting", ["new"]),
        ("indexing", []),
        ("parsing", []),
        ("cleaning", []),
        ("splitting", []),
        ("paused", []),
        ("disabled", []),
        ("archived", []),
        ("", ["new", "failed.txt", "done"]),
    ],
)
def test_status_filters_by_display_status_alias_or_indexing_status(
    product: Product, shelf: str, status: str, expected: list[str]
) -> None:
    assert names(product, shelf, f"?status={status}") == expected


@pytest.mark.parametrize("status", ["unknown", "Available", "a,b", "%00", "None"])
def test_an_unknown_status_is_400(product: Product, shelf: str, status: str) -> None:
    found = refusal(product.api.get(f"/v1/datasets/{shelf}/documents?status={status}"))
    assert found[:2] == (400, "invalid_param")
    assert found[2].startswith("status: ")


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [("ON", ["done"]), ("%", []), ("_", []), ("e", ["new", "failed.txt", "done"]), ("", ["new", "failed.txt", "done"])],
)
def test_keyword_is_a_literal_case_insensitive_part_of_the_document_name(
    product: Product, shelf: str, keyword: str, expected: list[str]
) -> None:
    assert names(product, shelf, f"?keyword={quote(keyword)}") == expected


def test_keyword_and_status_apply_together(product: Product, shelf: str) -> None:
    assert names(product, shelf, "?keyword=e&status=error") == ["failed.txt"]


def test_every_document_shows_its_display_status(product: Product, shelf: str) -> None:
    assert {row["name"]: row["display_status"] for row in ask(product, shelf)["data"]} == STATES


def test_a_failed_document_tells_why(product: Product, shelf: str) -> None:
    shown = got(product.api.get(path_of(product, shelf, "failed.txt")))
    assert (shown["indexing_status"], shown["error"]) == ("error", "The file is empty.")
    assert shown["enabled"] is True


def test_the_detail_has_all_fields_of_the_contract(product: Product, shelf: str) -> None:
    shown = got(product.api.get(path_of(product, shelf, "done")))
    assert shown.pop("dataset_process_rule")["mode"] == "automatic"
    assert shown.pop("document_process_rule")["mode"] == "custom"
    file = shown.pop("data_source_info")["upload_file"]
    assert set(file) == {"id", "name", "size", "extension", "mime_type", "created_by", "created_at"}
    for field in ("id", "dataset_process_rule_id", "created_by"):
        assert isinstance(shown.pop(field), str)
    for field in ("created_at", "completed_at", "updated_at"):
        assert isinstance(shown.pop(field), int)
    assert shown.pop("indexing_latency") >= 0
    assert shown.pop("tokens") > 0
    assert shown == {
        "position": 1,
        "data_source_type": "upload_file",
        "name": "done",
        "created_from": "api",
        "word_count": len("alpha beta") + len("gamma"),
        "indexing_status": "completed",
        "error": None,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "archived": False,
        "doc_type": None,
        "doc_metadata": [],
        "segment_count": 2,
        "average_segment_length": (len("alpha beta") + len("gamma")) // 2,
        "hit_count": 0,
        "display_status": "available",
        "doc_form": "text_model",
        "doc_language": "English",
        "warning": None,
        "summary_index_status": None,
        "need_summary": False,
    }


def test_a_waiting_document_has_no_times_and_counts_of_0(product: Product, shelf: str) -> None:
    shown = got(product.api.get(path_of(product, shelf, "new")))
    assert (shown["completed_at"], shown["indexing_latency"]) == (None, None)
    counts = ("tokens", "word_count", "hit_count", "segment_count", "average_segment_length")
    assert [shown[field] for field in counts] == [0, 0, 0, 0, 0]


def test_tokens_of_a_document_are_the_sum_of_its_segments(product: Product, shelf: str) -> None:
    path = path_of(product, shelf, "done")
    segments = got(product.api.get(f"{path}/segments"))["data"]
    assert got(product.api.get(path))["tokens"] == sum(segment["tokens"] for segment in segments)


def test_metadata_only_without_and_all(product: Product, shelf: str) -> None:
    path = path_of(product, shelf, "done")
    whole = got(product.api.get(path))
    assert got(product.api.get(f"{path}?metadata=all")) == whole
    assert got(product.api.get(f"{path}?metadata=")) == whole
    only = got(product.api.get(f"{path}?metadata=only"))
    assert only == {field: whole[field] for field in ("id", "doc_type", "doc_metadata")}
    without = got(product.api.get(f"{path}?metadata=without"))
    assert without == {key: value for key, value in whole.items() if key not in ("doc_type", "doc_metadata")}


@pytest.mark.parametrize("value", ["x", "ALL", "none", "Only"])
def test_another_metadata_value_is_invalid_metadata(product: Product, shelf: str, value: str) -> None:
    reply = product.api.get(f"{path_of(product, shelf, 'done')}?metadata={value}")
    assert refusal(reply) == (400, "invalid_metadata", f"Invalid metadata value: {value}")


def test_an_unknown_document_is_404(product: Product, shelf: str, name: str) -> None:
    reply = product.api.get(f"/v1/datasets/{shelf}/documents/{UNKNOWN}")
    assert refusal(reply) == (404, "not_found", "Document not found.")
    reply = product.api.delete(f"/v1/datasets/{shelf}/documents/{UNKNOWN}")
    assert refusal(reply) == (404, "not_found", "Document Not Exists.")


def test_a_document_is_reached_through_its_own_dataset_only(product: Product, shelf: str, name: str) -> None:
    other = product.create_dataset(name + " other")
    document = path_of(product, shelf, "done").replace(shelf, other)
    assert refusal(product.api.get(document))[2] == "Document not found."
    assert refusal(product.api.get(f"{document}/segments"))[2] == "Document not found."
    assert refusal(product.api.delete(document))[2] == "Document Not Exists."
    assert product.api.get(path_of(product, shelf, "done")).status_code == 200


@pytest.mark.parametrize("document", ["done", "failed.txt", "new"])
def test_a_completed_failed_or_waiting_document_can_be_deleted_once(
    product: Product, shelf: str, document: str
) -> None:
    path = path_of(product, shelf, document)
    reply = product.api.delete(path)
    assert (reply.status_code, reply.content, "content-type" in reply.headers) == (204, b"", False)
    assert refusal(product.api.delete(path)) == (404, "not_found", "Document Not Exists.")
    assert refusal(product.api.get(path))[0] == 404
    assert refusal(product.api.get(f"{path}/segments"))[0] == 404
    product.settle()
    assert ask(product, shelf)["total"] == 2


def test_deleting_a_document_does_not_change_the_positions_of_others(product: Product, shelf: str) -> None:
    product.api.delete(path_of(product, shelf, "failed.txt"))
    assert [(row["name"], row["position"]) for row in ask(product, shelf)["data"]] == [("new", 3), ("done", 1)]


def test_deleting_a_document_lowers_the_counts_of_its_dataset(product: Product, shelf: str) -> None:
    product.api.delete(path_of(product, shelf, "done"))
    shown = got(product.api.get(f"/v1/datasets/{shelf}"))
    assert (shown["document_count"], shown["word_count"], shown["total_available_documents"]) == (2, 0, 0)


def test_a_document_that_is_being_indexed_cannot_be_deleted_and_is_shown_so(product: Product, dataset_id: str) -> None:
    product.settle()
    made = product.add_text(dataset_id, "now", "alpha\nbeta", process_rule=by_line())
    path = f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}"

    def look() -> None:
        assert refusal(product.api.delete(path)) == (
            400,
            "document_indexing",
            "Cannot delete document during indexing.",
        )
        shown = got(product.api.get(path))
        assert (shown["indexing_status"], shown["display_status"]) == ("indexing", "indexing")
        assert shown["word_count"] == len("alphabeta")
        assert names(product, dataset_id, "?status=indexing") == ["now"]
        progress = product.status(dataset_id, made["batch"])
        assert (progress["completed_segments"], progress["total_segments"]) == (0, 2)
        segments = got(product.api.get(f"{path}/segments"))["data"]
        assert [(row["status"], row["enabled"]) for row in segments] == [("indexing", False)] * 2

    with while_embedding(product, look):
        product.settle()
    assert got(product.api.get(path))["indexing_status"] == "completed"


def test_the_status_of_a_waiting_batch_has_no_times_and_no_counts(product: Product, dataset_id: str) -> None:
    made = product.add_text(dataset_id, "new", "alpha")
    nothing = dict.fromkeys((*TIMES, "paused_at", "error", "stopped_at"))
    assert got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{made['batch']}/indexing-status")) == {
        "data": [
            {
                "id": made["document"]["id"],
                "indexing_status": "waiting",
                "completed_segments": 0,
                "total_segments": 0,
                **nothing,
            }
        ]
    }


@pytest.mark.parametrize("technique", ["economy", "high_quality"])
def test_all_times_of_a_completed_document_are_filled_and_in_order(product: Product, name: str, technique: str) -> None:
    dataset_id = product.create_dataset(name, indexing_technique=technique)
    texts = [product.add_text(dataset_id, "text", "alpha"), product.add_file(dataset_id, "file.md", b"# alpha")]
    product.settle()
    for made in texts:
        progress = product.status(dataset_id, made["batch"])
        assert progress["indexing_status"] == "completed"
        times = [progress[field] for field in TIMES]
        assert all(isinstance(time, int) for time in times) and times == sorted(times)
        assert progress["completed_segments"] == progress["total_segments"] == 1


def test_a_failed_batch_tells_why_and_when_it_stopped(product: Product, dataset_id: str) -> None:
    made = product.add_file(dataset_id, "empty.txt", b"")
    product.settle()
    progress = product.status(dataset_id, made["batch"])
    assert (progress["indexing_status"], progress["error"]) == ("error", "The file is empty.")
    assert isinstance(progress["stopped_at"], int) and progress["completed_at"] is None


@pytest.mark.parametrize("batch", ["20240101000000123456", UNKNOWN, "x", "知识", "a b", "%"])
def test_an_unknown_batch_is_404(product: Product, dataset_id: str, batch: str) -> None:
    reply = product.api.get(f"/v1/datasets/{dataset_id}/documents/{quote(batch)}/indexing-status")
    assert refusal(reply) == (404, "not_found", "Documents not found.")


def test_a_batch_belongs_to_its_dataset_and_ends_with_its_documents(
    product: Product, dataset_id: str, name: str
) -> None:
    made = product.add_text(dataset_id, "gone", "alpha")
    other = product.create_dataset(name + " other")
    path = "/v1/datasets/{}/documents/{}/indexing-status"
    assert refusal(product.api.get(path.format(other, made["batch"])))[2] == "Documents not found."
    product.api.delete(f"/v1/datasets/{dataset_id}/documents/{made['document']['id']}")
    assert refusal(product.api.get(path.format(dataset_id, made["batch"])))[2] == "Documents not found."
