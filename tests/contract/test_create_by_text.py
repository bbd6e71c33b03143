"""Create a document by text (contract 1.3, 3.3-6, 4.7 to 4.9)."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.contract.calls import UNKNOWN, UUID, by_line, got, refusal, state
from tests.product import Product, open_product
from zhiku.db.engine import Database

Reply = dict[str, Any]


def create(product: Product, dataset_id: str, name: str = "rules", text: str = "alpha", **fields: Any) -> Reply:
    body = {"name": name, "text": text, **fields}
    return got(product.api.post(f"/v1/datasets/{dataset_id}/document/create-by-text", json=body))


def refuse(product: Product, dataset_id: str, **body: Any) -> tuple[int, str, str]:
    """Return the refusal of a create that must change nothing."""
    before = state(product)
    path = f"/v1/datasets/{dataset_id}/document/create-by-text"
    found = refusal(product.api.post(path, json={"name": "rules", "text": "alpha", **body}))
    assert state(product) == before
    return found


def detail(product: Product, dataset_id: str, document_id: str) -> Reply:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))


def dataset(product: Product, dataset_id: str) -> Reply:
    return got(product.api.get(f"/v1/datasets/{dataset_id}"))


@pytest.fixture
def economy(product: Product, name: str) -> str:
    """A dataset with a technique."""
    return product.create_dataset(name, indexing_technique="economy")


def test_a_new_document_waits_with_all_counts_0(product: Product, economy: str) -> None:
    reply = create(product, economy, "规则", "größe 知识")
    document = reply["document"]
    assert set(reply) == {"document", "batch"}
    assert UUID.fullmatch(document.pop("id")) and UUID.fullmatch(document.pop("dataset_process_rule_id"))
    file = document.pop("data_source_detail_dict")["upload_file"]
    assert document.pop("data_source_info") == {"upload_file_id": file["id"]}
    assert UUID.fullmatch(document["created_by"]) and isinstance(document["created_at"], int)
    assert {key: value for key, value in document.items() if key not in ("created_by", "created_at")} == {
        "position": 1,
        "data_source_type": "upload_file",
        "name": "规则",
        "created_from": "api",
        "tokens": 0,
        "indexing_status": "waiting",
        "error": None,
        "enabled": True,
        "disabled_at": None,
        "disabled_by": None,
        "archived": False,
        "display_status": "queuing",
        "word_count": 0,
        "hit_count": 0,
        "doc_form": "text_model",
        "doc_metadata": [],
        "warning": None,
        "summary_index_status": None,
        "need_summary": False,
    }


def test_the_text_is_stored_as_a_txt_upload_of_its_bytes(product: Product, economy: str) -> None:
    document = create(product, economy, "规则", "größe 知识")["document"]
    file = document["data_source_detail_dict"]["upload_file"]
    assert set(file) == {"id", "name", "size", "extension", "mime_type", "created_by", "created_at"}
    size = len("größe 知识".encode())
    assert (file["size"], file["extension"], file["mime_type"]) == (size, "txt", "text/plain")


def test_a_batch_is_14_digits_of_time_and_6_random_ones(product: Product, economy: str) -> None:
    assert re.fullmatch(r"20\d{12}[1-9]\d{5}", create(product, economy)["batch"])


@pytest.mark.parametrize("path", ["create-by-text", "create_by_text"])
def test_both_spellings_of_the_path_are_served(product: Product, economy: str, path: str) -> None:
    body = {"name": "n", "text": "t"}
    assert product.api.post(f"/v1/datasets/{economy}/document/{path}", json=body).status_code == 200


@pytest.mark.parametrize("sent", ["text", " with spaces ", "a/b\\c", "知识.md", "x" * 200, "🐙" * 200])
def test_a_name_is_stored_exactly_as_sent(product: Product, economy: str, sent: str) -> None:
    assert create(product, economy, sent)["document"]["name"] == sent


def test_a_name_over_200_characters_is_cut(product: Product, economy: str) -> None:
    assert create(product, economy, "知" * 201)["document"]["name"] == "知" * 200


def test_the_name_is_required_and_not_blank(product: Product, economy: str) -> None:
    for wrong in ("", " ", "\u3000\n"):
        assert refuse(product, economy, name=wrong)[1:] == ("invalid_param", "name: must not be blank")


def test_positions_count_up_and_are_not_reused(product: Product, economy: str) -> None:
    first, second = (create(product, economy, name)["document"] for name in ("a", "b"))
    assert product.api.delete(f"/v1/datasets/{economy}/documents/{second['id']}").status_code == 204
    third = create(product, economy, "c")["document"]
    assert (first["position"], second["position"]) == (1, 2)
    assert third["position"] > first["position"]


def test_concurrent_creates_get_distinct_positions(product: Product, economy: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda number: create(product, economy, f"n{number}"), range(12)))
    assert sorted(reply["document"]["position"] for reply in made) == list(range(1, 13))


def test_concurrent_creates_of_one_name_end_as_one_document(product: Product, economy: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda number: create(product, economy, "same", f"text {number}"), range(8)))
    assert len({reply["document"]["id"] for reply in made}) == 1
    assert dataset(product, economy)["document_count"] == 1
    product.settle()
    document = detail(product, economy, made[0]["document"]["id"])
    assert (document["indexing_status"], document["segment_count"]) == ("completed", 1)


def test_a_dataset_without_technique_requires_one(product: Product, dataset_id: str) -> None:
    assert refuse(product, dataset_id) == (400, "invalid_param", "indexing_technique is required.")


def test_the_first_document_fixes_what_the_dataset_lacks(product: Product, dataset_id: str) -> None:
    model = {"search_method": "full_text_search", "top_k": 9}
    create(product, dataset_id, indexing_technique="high_quality", retrieval_model=model)
    shown = dataset(product, dataset_id)
    assert (shown["indexing_technique"], shown["doc_form"]) == ("high_quality", "text_model")
    assert shown["data_source_type"] == "upload_file"
    assert (shown["embedding_model_provider"], shown["embedding_model"]) == ("test", "words")
    assert shown["retrieval_model_dict"]["search_method"] == "full_text_search"
    assert shown["retrieval_model_dict"]["top_k"] == 9


def test_the_model_of_the_request_comes_before_the_remembered_one(product: Product, name: str) -> None:
    made = product.create_dataset(name, embedding_model="words", embedding_model_provider="test")
    fields = {"embedding_model": "words", "embedding_model_provider": "langgenius/test/test"}
    create(product, made, indexing_technique="high_quality", **fields)
    assert dataset(product, made)["embedding_model_provider"] == "langgenius/test/test"


def test_an_economy_dataset_without_retrieval_model_searches_keywords(product: Product, dataset_id: str) -> None:
    create(product, dataset_id, indexing_technique="economy")
    shown = dataset(product, dataset_id)
    assert shown["retrieval_model_dict"]["search_method"] == "keyword_search"
    assert shown["embedding_model"] is None


def test_later_documents_ignore_what_is_fixed(product: Product, economy: str) -> None:
    create(product, economy, "first", retrieval_model={"top_k": 5})
    ignored = {
        "indexing_technique": "high_quality",
        "embedding_model": "unknown",
        "embedding_model_provider": "unknown",
        "retrieval_model": {"top_k": 6},
    }
    create(product, economy, "second", **ignored)
    shown = dataset(product, economy)
    assert (shown["indexing_technique"], shown["embedding_model"]) == ("economy", None)
    assert shown["retrieval_model_dict"]["top_k"] == 5


def test_an_unknown_model_for_the_first_document_is_400(product: Product, dataset_id: str) -> None:
    refused = refuse(product, dataset_id, indexing_technique="high_quality", embedding_model="unknown")
    assert refused[1:] == (
        "invalid_param",
        "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider.",
    )
    assert dataset(product, dataset_id)["indexing_technique"] is None


def test_an_unknown_rerank_model_for_the_first_document_is_400(product: Product, economy: str) -> None:
    rerank = {"reranking_provider_name": "p", "reranking_model_name": "m"}
    refused = refuse(product, economy, retrieval_model={"reranking_enable": True, "reranking_model": rerank})
    assert refused[1:] == (
        "invalid_param",
        "No Rerank Model available. Please configure a valid provider in the Settings -> Model Provider.",
    )


def test_the_language_is_english_unless_said_otherwise(product: Product, economy: str) -> None:
    cases: list[tuple[Reply, str]] = [
        ({}, "English"),
        ({"doc_language": "中文"}, "中文"),
        ({"doc_language": None}, "English"),
    ]
    for fields, language in cases:
        made = create(product, economy, f"in {language}", **fields)["document"]
        assert detail(product, economy, made["id"])["doc_language"] == language


def test_an_empty_text_is_accepted_and_completes_without_segments(product: Product, economy: str) -> None:
    made = create(product, economy, text="")["document"]
    product.settle()
    shown = detail(product, economy, made["id"])
    assert (shown["indexing_status"], shown["segment_count"], shown["word_count"]) == ("completed", 0, 0)


def test_nul_is_removed_from_the_text(product: Product, economy: str) -> None:
    made = create(product, economy, text="al\0pha\0")["document"]
    assert made["data_source_detail_dict"]["upload_file"]["size"] == len("alpha")


def test_astral_characters_survive(product: Product, economy: str) -> None:
    made = create(product, economy, text="🐙 e\u0301 \U00020bb7")["document"]
    product.settle()
    path = f"/v1/datasets/{economy}/documents/{made['id']}/segments"
    assert got(product.api.get(path))["data"][0]["content"] == "🐙 e\u0301 \U00020bb7"


@pytest.mark.parametrize("form", ["text_model", None])
def test_the_form_of_the_first_document_is_the_datasets(product: Product, economy: str, form: str | None) -> None:
    assert create(product, economy, doc_form=form)["document"]["doc_form"] == "text_model"
    assert dataset(product, economy)["doc_form"] == "text_model"


@pytest.mark.parametrize("form", ["hierarchical_model", "qa_model"])
def test_another_form_than_the_datasets_is_400(product: Product, economy: str, form: str) -> None:
    create(product, economy)
    assert refuse(product, economy, name="other", doc_form=form) == (
        400,
        "invalid_param",
        "doc_form is different from the dataset doc_form.",
    )


def test_the_form_is_free_again_in_an_empty_dataset(product: Product, economy: str) -> None:
    made = create(product, economy)["document"]
    product.api.delete(f"/v1/datasets/{economy}/documents/{made['id']}")
    assert dataset(product, economy)["doc_form"] is None
    assert dataset(product, economy)["indexing_technique"] == "economy"


def test_the_same_name_replaces_in_place_with_a_new_batch(product: Product, economy: str) -> None:
    first = create(product, economy, text="old")
    product.settle()
    second = create(product, economy, text="newer", doc_language="中文")
    kept = ("id", "position", "created_at", "name", "created_from", "created_by")
    assert {key: first["document"][key] for key in kept} == {key: second["document"][key] for key in kept}
    assert second["document"]["indexing_status"] == "waiting"
    assert second["batch"] != first["batch"]
    assert dataset(product, economy)["document_count"] == 1
    old = product.api.get(f"/v1/datasets/{economy}/documents/{first['batch']}/indexing-status")
    assert refusal(old) == (404, "not_found", "Documents not found.")
    shown = detail(product, economy, second["document"]["id"])
    assert (shown["doc_language"], shown["completed_at"]) == ("中文", None)
    assert shown["data_source_info"]["upload_file"]["size"] == len("newer")


def test_a_name_of_another_case_or_dataset_is_another_document(product: Product, economy: str, name: str) -> None:
    other = product.create_dataset(name + " other", indexing_technique="economy")
    made = [create(product, economy, "Rules"), create(product, economy, "rules"), create(product, other, "rules")]
    assert len({reply["document"]["id"] for reply in made}) == 3


@pytest.mark.parametrize("duplicate", [False, "false", "False", 0])
def test_duplicate_false_makes_a_second_document(product: Product, economy: str, duplicate: Any) -> None:
    first, second = create(product, economy), create(product, economy, duplicate=duplicate)
    assert first["document"]["id"] != second["document"]["id"]
    assert second["document"]["position"] == first["document"]["position"] + 1


def test_original_document_id_updates_that_document_and_keeps_its_batch(product: Product, economy: str) -> None:
    first = create(product, economy, "before", "old")
    product.settle()
    second = create(product, economy, "after", "new", original_document_id=first["document"]["id"])
    assert (second["document"]["id"], second["batch"]) == (first["document"]["id"], first["batch"])
    assert second["document"]["name"] == "after"
    assert dataset(product, economy)["document_count"] == 1


@pytest.mark.parametrize("document_id", [UNKNOWN, "not a uuid", "1"])
def test_an_unknown_original_document_is_404(product: Product, economy: str, document_id: str) -> None:
    assert refuse(product, economy, original_document_id=document_id) == (404, "not_found", "Document not found")


def test_an_original_document_of_another_dataset_is_404(product: Product, economy: str, name: str) -> None:
    other = product.create_dataset(name + " other", indexing_technique="economy")
    made = create(product, other)["document"]["id"]
    assert refuse(product, economy, original_document_id=made)[:2] == (404, "not_found")


def test_an_original_document_that_is_unfinished_is_400(product: Product, economy: str) -> None:
    made = create(product, economy)["document"]["id"]
    assert refuse(product, economy, original_document_id=made) == (
        400,
        "document_indexing",
        "The document is being processed and cannot be edited.",
    )


def test_an_original_document_in_error_may_be_tried_again(product: Product, economy: str) -> None:
    failed = product.add_file(economy, "empty.txt", b"")
    product.settle()
    again = create(product, economy, "now with text", "alpha", original_document_id=failed["document"]["id"])
    assert (again["document"]["indexing_status"], again["document"]["error"]) == ("waiting", None)
    product.settle()
    assert detail(product, economy, failed["document"]["id"])["indexing_status"] == "completed"


def test_a_rule_of_lines_is_used(product: Product, economy: str) -> None:
    made = create(product, economy, text="a\nb\nc", process_rule=by_line())["document"]
    product.settle()
    assert detail(product, economy, made["id"])["segment_count"] == 3


def test_an_operator_can_switch_the_replacement_of_same_names_off(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, replace_same_name=False) as product:
        dataset_id = product.create_dataset(indexing_technique="economy")
        made = [create(product, dataset_id) for _ in range(2)]
        assert len({reply["document"]["id"] for reply in made}) == 2


def test_the_longest_piece_is_the_operators_choice(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, segment_max_tokens=50) as product:
        dataset_id = product.create_dataset(indexing_technique="economy")
        assert create(product, dataset_id, process_rule=by_line(50))["batch"]
        refused = refuse(product, dataset_id, name="other", process_rule=by_line(51))
        assert refused[2] == "Custom segment length should be between 1 and 50."


def test_a_body_over_the_operators_limit_is_413(tmp_path: Path, sqlite_database: Database) -> None:
    with open_product(tmp_path / "data", sqlite_database, json_body_bytes=1000) as product:
        dataset_id = product.create_dataset(indexing_technique="economy")
        assert refuse(product, dataset_id, text="x" * 1000) == (413, "file_too_large", "File size exceeded.")
