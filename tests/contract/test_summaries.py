"""Summaries of segments: who gets them, what they are, how they are found and changed (contract 4.10, 5.4, 3.4-21)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.chat_server import Asked, ChatServer
from tests.contract.calls import by_line, got
from tests.product import Product, open_product
from tests.word_embedder import WordEmbedder
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.db.tables import embeddings, jobs, segment_summaries
from zhiku.indexes.store import count_live_terms
from zhiku.jobs.worker import run_jobs
from zhiku.providers.chat import OpenAIChat
from zhiku.providers.endpoint import Pace
from zhiku.segments.indexing import shard_of

TEXT = "apples are red\nbananas are yellow\nplums are blue"
WRITTEN = {"apples are red": "fruit of autumn", "bananas are yellow": "fruit of summer", "plums are blue": "stones"}
ENABLED = {"enable": True}


def write(asked: Asked) -> str:
    """Return the summary of a text; others are refused."""
    return WRITTEN[asked.text]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(write=write) as running:
        yield running


@pytest.fixture
def rival() -> WordEmbedder:
    """A second embedding model, whose vectors have another length."""
    return WordEmbedder("other", 32)


@pytest.fixture
def product(tmp_path: Path, database: Database, server: ChatServer, rival: WordEmbedder) -> Iterator[Product]:
    """A Zhiku with a chat model, on each of the two engines in turn."""
    chat = OpenAIChat(server.url, "writer", None, Pace(sleep=lambda _: None))
    with open_product(tmp_path / "data", database, rival=rival, chat=chat, job_attempts=2) as opened:
        yield opened
    chat.close()


@pytest.fixture
def plain(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A Zhiku without a chat model."""
    with open_product(tmp_path / "data", sqlite_database) as opened:
        yield opened


def make(product: Product, text: str = TEXT, setting: dict[str, Any] | None = None, **fields: Any) -> tuple[str, str]:
    """Return the ids of a dataset that wants summaries and of its one completed document."""
    dataset_id = product.create_dataset("Guide", summary_index_setting=setting or ENABLED)
    made = product.add_text(dataset_id, "fruit", text, **({"process_rule": by_line()} | fields))
    product.settle()
    return dataset_id, made["document"]["id"]


def document(product: Product, dataset_id: str, document_id: str) -> dict[str, Any]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}"))


def segments(product: Product, dataset_id: str, document_id: str) -> list[dict[str, Any]]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}/segments"))["data"]


def summaries(product: Product, dataset_id: str, document_id: str) -> dict[str, str | None]:
    return {row["content"]: row["summary"] for row in segments(product, dataset_id, document_id)}


def change(product: Product, dataset_id: str, document_id: str, number: int, **fields: Any) -> dict[str, Any]:
    """Change the segment at a position and return it."""
    row = segments(product, dataset_id, document_id)[number - 1]
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}/segments/{row['id']}"
    return got(product.api.post(path, json={"segment": fields}))["data"]


def found(product: Product, dataset_id: str, query: str, method: str = "full_text_search") -> list[tuple[str, Any]]:
    """Return what a question finds: content and summary of each record."""
    records = product.retrieve(dataset_id, query, method, top_k=5)
    return [(record["segment"]["content"], record["summary"]) for record in records]


def check_agreement(product: Product, dataset_id: str) -> None:
    """What the dataset counts is what the catalog wants in the index and what is there."""
    with product.rt.db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        expected = count_live_terms(conn, dataset_id)
    assert dataset is not None
    assert (dataset.posting_count, dataset.term_count) == expected
    assert len(product.index.list_numbers(shard_of(dataset))) == expected[0]


def test_documents_made_after_the_setting_get_summaries(product: Product) -> None:
    dataset_id = product.create_dataset("Guide")
    early = product.add_text(dataset_id, "early", TEXT, process_rule=by_line())["document"]
    got(product.api.patch(f"/v1/datasets/{dataset_id}", json={"summary_index_setting": ENABLED}))
    late = product.add_text(dataset_id, "late", TEXT, process_rule=by_line())["document"]
    product.settle()
    assert (early["need_summary"], late["need_summary"]) == (False, True)
    assert summaries(product, dataset_id, early["id"]) == dict.fromkeys(WRITTEN)
    assert summaries(product, dataset_id, late["id"]) == WRITTEN
    check_agreement(product, dataset_id)


def test_turning_the_setting_off_leaves_existing_documents_alone(product: Product) -> None:
    dataset_id, document_id = make(product)
    got(product.api.patch(f"/v1/datasets/{dataset_id}", json={"summary_index_setting": {"enable": False}}))
    assert document(product, dataset_id, document_id)["need_summary"] is True
    assert summaries(product, dataset_id, document_id) == WRITTEN


@pytest.mark.parametrize("fields", [{"doc_form": "qa_model"}, {"indexing_technique": "economy"}])
def test_questions_and_economy_documents_get_none(plain: Product, fields: dict[str, Any]) -> None:
    dataset_id, document_id = make(plain, "Q: who?\nA: owls.", **fields)
    shown = document(plain, dataset_id, document_id)
    assert (shown["need_summary"], shown["summary_index_status"]) == (False, None)
    assert set(summaries(plain, dataset_id, document_id).values()) == {None}


def test_the_status_is_summarizing_while_they_are_pending(product: Product) -> None:
    dataset_id = product.create_dataset("Guide", summary_index_setting=ENABLED)
    made = product.add_text(dataset_id, "fruit", TEXT, process_rule=by_line())["document"]
    states: list[tuple[str, str | None]] = []

    def look() -> None:
        shown = document(product, dataset_id, made["id"])
        states.append((shown["indexing_status"], shown["summary_index_status"]))

    look()
    run_jobs(product.rt, product.handlers)
    look()
    product.applier.apply_pending()
    look()
    assert found(product, dataset_id, "red") == [("apples are red", None)]
    run_jobs(product.rt, product.handlers)
    look()
    product.applier.apply_pending()
    look()
    pending = ("completed", "SUMMARIZING")
    assert states == [("waiting", None), ("indexing", None), pending, pending, ("completed", None)]


def test_a_match_on_a_summary_returns_its_segment_with_the_summary(product: Product) -> None:
    dataset_id, _ = make(product)
    assert found(product, dataset_id, "autumn") == [("apples are red", "fruit of autumn")]
    assert found(product, dataset_id, "red") == [("apples are red", None)]
    assert found(product, dataset_id, "autumn", "semantic_search")[0] == ("apples are red", "fruit of autumn")
    assert found(product, dataset_id, "autumn red", "hybrid_search")[0] == ("apples are red", "fruit of autumn")


def test_a_segment_scores_as_its_summary_if_that_is_higher(product: Product) -> None:
    dataset_id, _ = make(product)
    [record] = product.retrieve(dataset_id, "fruit of autumn", "semantic_search", top_k=1)
    assert record["score"] == pytest.approx(1.0)
    [record] = product.retrieve(dataset_id, "apples are red", "semantic_search", top_k=1)
    assert record["score"] == pytest.approx(1.0)
    assert len(product.retrieve(dataset_id, "fruit", "semantic_search", top_k=5)) == len(WRITTEN)


def test_a_parent_is_found_by_the_summary_without_child_chunks(product: Product, server: ChatServer) -> None:
    server.write = lambda _: "about autumn"
    rule = {
        "mode": "hierarchical",
        "rules": {
            "segmentation": {"separator": "\n\n", "max_tokens": 200},
            "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
        },
    }
    dataset_id, _ = make(product, process_rule=rule)
    [record] = product.retrieve(dataset_id, "autumn", "full_text_search")
    assert (record["segment"]["content"], record["summary"], record["child_chunks"]) == (TEXT, "about autumn", [])


def test_the_model_is_told_the_prompt_and_the_language(product: Product, server: ChatServer) -> None:
    make(product, setting=ENABLED | {"summary_prompt": "In five words."}, doc_language="Chinese")
    assert {asked.model for asked in server.asked} == {"writer"}
    for asked in server.asked:
        assert asked.instructions.startswith("In five words.")
        assert "Chinese" in asked.instructions
    assert sorted(server.texts) == sorted(WRITTEN)


def test_the_model_that_the_dataset_names_is_asked(product: Product, server: ChatServer) -> None:
    setting = ENABLED | {"model_name": "writer", "model_provider_name": "langgenius/test/test"}
    assert summaries(product, *make(product, setting=setting)) == WRITTEN
    assert len(server.asked) == len(WRITTEN)


def test_a_model_that_is_not_served_leaves_the_first_sentences_and_a_warning(
    product: Product, server: ChatServer
) -> None:
    place = make(product, setting=ENABLED | {"model_name": "gone", "model_provider_name": "other"})
    assert summaries(product, *place) == {content: content for content in WRITTEN}
    assert server.asked == []
    assert document(product, *place)["warning"] == (
        "3 of 3 summaries are the first sentences of their segment: the chat model gone is not configured; "
        "choose another in the dataset's settings."
    )


def test_without_a_model_a_summary_is_the_leading_sentences_up_to_200_characters(plain: Product) -> None:
    sentences = [f"Sentence {number} tells of owls and of mice." for number in range(9)]
    place = make(plain, " ".join(sentences) + "\n第一句。" + "长" * 250 + "。\n" + "x" * 250, process_rule=by_line(900))
    shown = list(summaries(plain, *place).values())
    assert shown == [" ".join(sentences[:5]), "第一句。", "x" * 200]
    assert "no chat model is configured" in document(plain, *place)["warning"]
    assert document(plain, *place)["summary_index_status"] is None


def test_first_sentences_are_replaced_at_the_next_indexing(product: Product, server: ChatServer) -> None:
    server.standing_failure = 401
    dataset_id, document_id = make(product)
    change(product, dataset_id, document_id, 3, summary="by hand")
    server.standing_failure = None
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}"
    got(product.api.post(f"{path}/update-by-text", json={"name": "fruit", "text": TEXT}))
    product.settle()
    assert summaries(product, dataset_id, document_id) == WRITTEN | {"plums are blue": "by hand"}
    assert document(product, dataset_id, document_id)["warning"] is None
    assert found(product, dataset_id, "autumn") == [("apples are red", "fruit of autumn")]
    check_agreement(product, dataset_id)


def test_a_refused_text_falls_back_and_the_others_do_not(product: Product) -> None:
    place = make(product, TEXT + "\nno summary for me")
    assert summaries(product, *place) == WRITTEN | {"no summary for me": "no summary for me"}
    warning = document(product, *place)["warning"]
    assert warning.startswith("1 of 4 summaries are the first sentences of their segment: Chat provider 127.0.0.1:")
    assert "this text is refused" in warning


def test_a_document_is_complete_and_found_while_the_model_fails(product: Product, server: ChatServer) -> None:
    server.standing_failure = 500
    place = make(product)
    shown = document(product, *place)
    assert (shown["indexing_status"], shown["error"], shown["summary_index_status"]) == ("completed", None, None)
    assert summaries(product, *place) == {content: content for content in WRITTEN}


def test_the_bound_of_tokens_ends_the_asking(tmp_path: Path, sqlite_database: Database, server: ChatServer) -> None:
    chat = OpenAIChat(server.url, "writer", None)
    with open_product(
        tmp_path / "data", sqlite_database, chat=chat, chat_concurrency=1, chat_tokens_per_document=120
    ) as bounded:
        place = make(bounded)
        assert 0 < len(server.asked) < len(WRITTEN)
        assert "the bound of ZHIKU_CHAT_TOKENS_PER_DOCUMENT was reached" in document(bounded, *place)["warning"]
    chat.close()


def test_a_summary_written_by_hand_is_found_at_once_and_emptied_by_nothing(product: Product) -> None:
    place = make(product)
    assert change(product, *place, 1, summary="a keeper of doctors away")["summary"] == "a keeper of doctors away"
    assert found(product, place[0], "doctors") == [("apples are red", "a keeper of doctors away")]
    assert found(product, place[0], "doctors", "semantic_search")[0][0] == "apples are red"
    assert found(product, place[0], "autumn") == []
    check_agreement(product, place[0])
    for kept in ({"summary": None}, {"keywords": ["red"]}, {"content": "apples are green"}):
        assert change(product, *place, 1, **kept)["summary"] == "a keeper of doctors away"
    assert change(product, *place, 1, summary="")["summary"] is None
    assert found(product, place[0], "doctors") == []
    assert change(product, *place, 1, summary="")["summary"] is None
    check_agreement(product, place[0])


def test_a_segment_gets_a_summary_by_hand_in_any_technique(plain: Product) -> None:
    place = make(plain, indexing_technique="economy")
    assert change(plain, *place, 1, summary="fruit of autumn")["summary"] == "fruit of autumn"
    assert found(plain, place[0], "autumn", "keyword_search") == [("apples are red", "fruit of autumn")]


def test_a_question_ignores_a_summary(plain: Product) -> None:
    place = make(plain, "Q: who?\nA: owls.", doc_form="qa_model")
    assert change(plain, *place, 1, summary="birds")["summary"] is None
    assert found(plain, place[0], "birds") == []


def test_a_disabled_segment_is_not_found_by_its_summary(product: Product) -> None:
    place = make(product)
    change(product, *place, 1, enabled=False)
    assert found(product, place[0], "autumn") == []
    check_agreement(product, place[0])
    change(product, *place, 1, enabled=True)
    assert found(product, place[0], "autumn") == [("apples are red", "fruit of autumn")]
    check_agreement(product, place[0])


def test_a_summary_goes_with_its_segment_and_with_its_document(product: Product) -> None:
    dataset_id, document_id = make(product)
    row = segments(product, dataset_id, document_id)[0]
    path = f"/v1/datasets/{dataset_id}/documents/{document_id}"
    assert product.api.delete(f"{path}/segments/{row['id']}").status_code == 204
    assert found(product, dataset_id, "autumn") == []
    check_agreement(product, dataset_id)
    assert product.api.delete(path).status_code == 204
    product.settle()
    check_agreement(product, dataset_id)
    with product.rt.db.read() as conn:
        assert conn.execute(select(segment_summaries.c.content)).all() == []
        assert conn.execute(select(embeddings.c.content_hash)).all() == []


def test_a_summary_whose_vector_nothing_else_has_keeps_it(product: Product) -> None:
    dataset_id, document_id = make(product)
    other = product.add_text(dataset_id, "other", "apples are red", process_rule=by_line())["document"]["id"]
    product.settle()
    # What it leaves behind is purged, and nothing else.
    assert product.api.delete(f"/v1/datasets/{dataset_id}/documents/{other}").status_code == 204
    product.settle()
    product.index.drop(dataset_id)
    product.keeper.request(dataset_id)
    product.settle()
    assert found(product, dataset_id, "autumn", "semantic_search")[0] == ("apples are red", "fruit of autumn")
    assert summaries(product, dataset_id, document_id) == WRITTEN


def test_an_update_keeps_the_summaries_of_unchanged_segments(product: Product, server: ChatServer) -> None:
    dataset_id, document_id = make(product)
    change(product, dataset_id, document_id, 1, summary="by hand")
    server.asked.clear()
    server.write = lambda asked: {"pears are green": "fruit of winter"}[asked.text]
    body = {"name": "fruit", "text": "apples are red\npears are green\nplums are blue"}
    got(product.api.post(f"/v1/datasets/{dataset_id}/documents/{document_id}/update-by-text", json=body))
    product.settle()
    assert server.texts == ["pears are green"]
    assert summaries(product, dataset_id, document_id) == {
        "apples are red": "by hand",
        "pears are green": "fruit of winter",
        "plums are blue": "stones",
    }
    assert found(product, dataset_id, "summer") == []
    check_agreement(product, dataset_id)


def test_a_rebuilt_index_and_another_model_find_summaries_too(product: Product, rival: WordEmbedder) -> None:
    dataset_id, _ = make(product)
    product.index.drop(dataset_id)
    product.keeper.request(dataset_id)
    product.settle()
    assert found(product, dataset_id, "autumn") == [("apples are red", "fruit of autumn")]
    body = {"embedding_model": "other-words", "embedding_model_provider": "rival"}
    got(product.api.patch(f"/v1/datasets/{dataset_id}", json=body))
    product.settle()
    assert "fruit of autumn" in rival.embedded
    assert found(product, dataset_id, "autumn", "semantic_search")[0] == ("apples are red", "fruit of autumn")
    check_agreement(product, dataset_id)


def test_calls_run_at_once_up_to_the_setting(tmp_path: Path, sqlite_database: Database, server: ChatServer) -> None:
    server.write, server.delay_seconds = lambda asked: f"on {asked.text}", 0.05
    chat = OpenAIChat(server.url, "writer", None)
    with open_product(tmp_path / "data", sqlite_database, chat=chat, chat_concurrency=3) as bounded:
        make(bounded, "\n".join(f"line {number}" for number in range(9)))
    chat.close()
    assert server.most_at_once <= 3
    assert len(server.asked) == 9


def test_a_model_that_fails_for_good_leaves_no_job_and_tells_of_it(product: Product) -> None:
    dataset_id = product.create_dataset("Guide", summary_index_setting=ENABLED)
    made = product.add_text(dataset_id, "fruit", TEXT, process_rule=by_line())["document"]
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    product.embedder.failure = "the embedder is away"
    with product.rt.db.begin() as tx:
        tx.execute(jobs.update().values(attempts=1))
    product.settle()
    shown = document(product, dataset_id, made["id"])
    assert (shown["indexing_status"], shown["summary_index_status"]) == ("completed", None)
    assert shown["warning"] == "Some summaries are missing: the embedder is away"
