"""Documents in, right segments out."""

import pytest

from tests.product import Product

ENGLISH = "Backups are copied every night.\nPasswords expire after ninety days.\nThe office closes at six."
CHINESE = "备份每天夜里复制一次。\n密码九十天后过期。\n办公室六点关门。"
BY_LINE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


def test_a_new_document_waits_and_is_searchable_when_it_is_completed(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "Rules", ENGLISH, process_rule=BY_LINE)
    assert created["document"]["indexing_status"] == "waiting"
    assert created["document"]["display_status"] == "queuing"
    assert product.retrieve(dataset_id, "passwords") == []

    product.settle()

    status = product.status(dataset_id, created["batch"])
    assert (status["indexing_status"], status["completed_segments"], status["total_segments"]) == ("completed", 3, 3)
    times = [status[f"{step}_at"] for step in ("processing_started", "parsing_completed", "cleaning_completed")]
    times += [status["splitting_completed_at"], status["completed_at"]]
    assert times == sorted(times)
    assert product.retrieve(dataset_id, "passwords")[0]["segment"]["content"] == "Passwords expire after ninety days."


@pytest.mark.parametrize("method", ["keyword_search", "full_text_search", "semantic_search", "hybrid_search"])
@pytest.mark.parametrize("technique", ["high_quality", "economy"])
@pytest.mark.parametrize(
    ("query", "expected"), [("when do passwords expire", "Passwords expire"), ("密码什么时候过期", "密码九十天")]
)
def test_every_method_finds_the_right_segment_in_both_techniques_and_languages(
    product: Product, method: str, technique: str, query: str, expected: str
) -> None:
    dataset_id = product.create_dataset(indexing_technique=technique)
    product.add_text(dataset_id, "en", ENGLISH, process_rule=BY_LINE)
    product.add_text(dataset_id, "zh", CHINESE, process_rule=BY_LINE)
    product.settle()

    records = product.retrieve(dataset_id, query, method, top_k=1)

    assert records[0]["segment"]["content"].startswith(expected)
    assert 0 < records[0]["score"] <= 1


def test_a_threshold_cuts_what_scores_below_it(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "en", ENGLISH, process_rule=BY_LINE)
    product.settle()

    records = product.retrieve(dataset_id, "passwords expire", "full_text_search", top_k=10)
    threshold = records[0]["score"]
    cut = product.retrieve(
        dataset_id, "passwords expire", "full_text_search", top_k=10, score_threshold_enabled=True,
        score_threshold=threshold,
    )  # fmt: skip
    none = product.retrieve(
        dataset_id, "passwords expire", "full_text_search", top_k=10, score_threshold_enabled=True,
        score_threshold=threshold + 0.01,
    )  # fmt: skip

    assert [record["score"] for record in cut] == [threshold]
    assert none == []


def test_a_returned_segment_counts_a_hit_for_itself_and_its_document(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "en", ENGLISH, process_rule=BY_LINE)
    product.settle()

    before = product.retrieve(dataset_id, "office", top_k=1)[0]["segment"]
    again = product.retrieve(dataset_id, "office", top_k=1)
    path = f"/v1/datasets/{dataset_id}/documents/{created['document']['id']}"
    segments = product.api.get(f"{path}/segments").json()["data"]

    assert before["hit_count"] == 0
    assert again[0]["segment"]["id"] == before["id"]
    assert {segment["id"]: segment["hit_count"] for segment in segments}[before["id"]] == 2
    assert product.api.get(path).json()["hit_count"] == 2


def test_a_text_that_was_embedded_before_is_not_embedded_again(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "first", ENGLISH, process_rule=BY_LINE)
    product.settle()
    product.embedder.embedded.clear()

    product.add_text(dataset_id, "second", ENGLISH + "\nA new line.", process_rule=BY_LINE)
    product.settle()

    assert product.embedder.embedded == ["A new line."]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", "第一行\n密码九十天后过期".encode("gb18030")),
        ("notes.md", b"# Title\n\nPasswords expire after ninety days."),
        ("page.html", b"<html><body><h1>T</h1><p>Passwords expire after ninety days.</p></body></html>"),
    ],
)
def test_an_uploaded_file_is_parsed_and_found(product: Product, name: str, content: bytes) -> None:
    dataset_id = product.create_dataset()
    created = product.add_file(dataset_id, name, content)
    product.settle()

    assert product.status(dataset_id, created["batch"])["indexing_status"] == "completed"
    query = "密码过期" if name.endswith(".txt") else "passwords expire"
    assert product.retrieve(dataset_id, query, "full_text_search")


def test_an_empty_text_completes_without_segments(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "empty", "")
    product.settle()

    status = product.status(dataset_id, created["batch"])
    assert (status["indexing_status"], status["total_segments"]) == ("completed", 0)


def test_a_file_of_no_bytes_ends_in_error_and_the_next_one_completes(product: Product) -> None:
    dataset_id = product.create_dataset()
    empty = product.add_file(dataset_id, "empty.txt", b"")
    good = product.add_file(dataset_id, "good.txt", b"Passwords expire.")
    product.settle()

    failed = product.status(dataset_id, empty["batch"])
    assert (failed["indexing_status"], failed["error"]) == ("error", "The file is empty.")
    assert failed["stopped_at"] is not None
    assert product.status(dataset_id, good["batch"])["indexing_status"] == "completed"


def test_nul_in_a_text_is_dropped(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "nul", "pass\0words expire")
    product.settle()
    assert product.retrieve(dataset_id, "passwords")[0]["segment"]["content"] == "passwords expire"


def test_the_hit_count_of_a_record_is_the_one_before_the_call(product: Product) -> None:
    dataset_id = product.create_dataset()
    product.add_text(dataset_id, "en", ENGLISH, process_rule=BY_LINE)
    product.settle()
    counts = [product.retrieve(dataset_id, "office", top_k=1)[0]["segment"]["hit_count"] for _ in range(3)]
    assert counts == [0, 1, 2]
