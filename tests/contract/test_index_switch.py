"""Another technique or embedding model: the former index answers until the new one takes its place (contract 3.2-4)."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.contract.calls import by_line, got
from tests.contract.working import while_embedding
from tests.product import Product, open_product
from tests.word_embedder import WordEmbedder
from zhiku.datasets import store as dataset_store
from zhiku.datasets import switch_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.db.engine import Database
from zhiku.db.tables import jobs
from zhiku.indexes.rebuild import fill_shard
from zhiku.indexes.store import IndexBasis
from zhiku.ingestion.keeper import IndexKeeper
from zhiku.ingestion.switch import basis_of
from zhiku.jobs.worker import run_jobs
from zhiku.segments import hook_store
from zhiku.segments.indexing import shard_of

TEXT = "apples are red\nbananas are yellow\nplums are blue"
RIVAL_FIELDS = {"embedding_model": "other-words", "embedding_model_provider": "rival"}
# In no text: keywords find nothing, vectors always something.
UNKNOWN_WORD = "zeppelin"


@pytest.fixture
def rival() -> WordEmbedder:
    """A second model, whose vectors have another length."""
    return WordEmbedder("other", 32)


@pytest.fixture
def product(tmp_path: Path, database: Database, rival: WordEmbedder) -> Iterator[Product]:
    """A Zhiku that serves two models, on each of the two engines in turn."""
    with open_product(tmp_path / "data", database, rival=rival, job_attempts=2) as opened:
        yield opened


def make(product: Product, name: str, technique: str = "high_quality", text: str = TEXT, **fields: Any) -> str:
    """Return a dataset with one completed document."""
    dataset_id = product.create_dataset(name)
    product.add_text(dataset_id, "fruit", text, **({"process_rule": by_line()} | fields), indexing_technique=technique)
    product.settle()
    assert statuses(product, dataset_id) == ["completed"]
    return dataset_id


def patch(product: Product, dataset_id: str, **fields: Any) -> dict[str, Any]:
    return got(product.api.patch(f"/v1/datasets/{dataset_id}", json=fields))


def show(product: Product, dataset_id: str) -> dict[str, Any]:
    return got(product.api.get(f"/v1/datasets/{dataset_id}"))


def settings(body: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    return body["indexing_technique"], body["embedding_model"], body["embedding_model_provider"]


def statuses(product: Product, dataset_id: str) -> list[str]:
    rows = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"]
    return [row["indexing_status"] for row in rows]


def answers(product: Product, dataset_id: str, query: str, method: str = "semantic_search") -> list[str]:
    records = product.retrieve(dataset_id, query, method, top_k=3)
    return [record["segment"]["content"] for record in records]


def row_of(product: Product, dataset_id: str) -> tuple[Dataset, IndexSwitch | None]:
    with product.rt.db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        assert dataset is not None
        return dataset, switch_store.find_switch(conn, dataset_id)


def check_index(product: Product, dataset_id: str) -> None:
    """The index holds exactly what the catalog says, each with its vector, and the counts are right."""
    dataset, switch = row_of(product, dataset_id)
    assert switch is None
    with product.rt.db.read() as conn:
        left = hook_store.list_unembedded_in(conn, dataset_id, IndexBasis(dataset.embedding_key), 0, 10)
    assert dataset.indexing_technique == "economy" or left == []
    assert len(product.index.list_numbers(shard_of(dataset))) == dataset.posting_count


def test_economy_becomes_high_quality_behind_the_keywords_that_answer(product: Product, name: str) -> None:
    dataset_id = make(product, name, "economy")
    body = patch(product, dataset_id, indexing_technique="high_quality")
    assert settings(body) == settings(show(product, dataset_id)) == ("high_quality", "words", "test")
    assert body["retrieval_model_dict"]["search_method"] == "semantic_search"
    seen: list[Any] = []

    def look() -> None:
        seen.append((answers(product, dataset_id, UNKNOWN_WORD), answers(product, dataset_id, "apples red")))
        assert statuses(product, dataset_id) == ["completed"]

    with while_embedding(product, look):
        product.settle()
    assert seen[0] == ([], ["apples are red"])
    assert len(answers(product, dataset_id, UNKNOWN_WORD)) == 3
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    assert statuses(product, dataset_id) == ["completed"]
    check_index(product, dataset_id)


def test_the_model_of_the_request_is_taken_else_the_stored_else_the_default(product: Product, name: str) -> None:
    given = make(product, f"{name} given", "economy")
    assert settings(patch(product, given, indexing_technique="high_quality", **RIVAL_FIELDS)) == (
        "high_quality", "other-words", "rival",
    )  # fmt: skip
    stored = make(product, f"{name} stored", "economy")
    assert settings(patch(product, stored, **RIVAL_FIELDS)) == ("economy", "other-words", "rival")
    assert settings(patch(product, stored, indexing_technique="high_quality"))[1:] == ("other-words", "rival")
    default = make(product, f"{name} default", "economy")
    assert settings(patch(product, default, indexing_technique="high_quality"))[1:] == ("words", "test")
    alone = make(product, f"{name} alone", "economy")
    body = patch(product, alone, indexing_technique="high_quality", embedding_model="other-words")
    assert settings(body)[1:] == ("other-words", "rival")
    product.settle()


def test_another_model_embeds_anew_behind_the_one_that_answers(
    product: Product, name: str, rival: WordEmbedder
) -> None:
    dataset_id = make(product, name)
    assert settings(patch(product, dataset_id, **RIVAL_FIELDS)) == ("high_quality", "other-words", "rival")
    assert answers(product, dataset_id, "bananas are yellow")[0] == "bananas are yellow"
    assert (product.embedder.asked, rival.asked) == (["bananas are yellow"], [])
    product.settle()
    assert sorted(rival.embedded) == sorted(TEXT.split("\n"))
    assert answers(product, dataset_id, "bananas are yellow")[0] == "bananas are yellow"
    assert rival.asked == ["bananas are yellow"]
    assert row_of(product, dataset_id)[0].index_dimension == 32
    check_index(product, dataset_id)


def test_high_quality_becomes_economy_without_embedding_fields_and_vectors(product: Product, name: str) -> None:
    dataset_id = make(product, name, text="only here: walnuts are brown")
    body = patch(product, dataset_id, indexing_technique="economy")
    assert settings(body) == settings(show(product, dataset_id)) == ("economy", None, None)
    assert (body["embedding_available"], body["retrieval_model_dict"]["search_method"]) == (True, "keyword_search")
    assert len(answers(product, dataset_id, UNKNOWN_WORD)) == 1
    product.settle()
    assert answers(product, dataset_id, UNKNOWN_WORD) == []
    assert answers(product, dataset_id, "walnuts") == ["only here: walnuts are brown"]
    dataset, _ = row_of(product, dataset_id)
    assert (dataset.index_dimension, dataset.embedding_key) == (0, None)
    assert statuses(product, dataset_id) == ["completed"]
    check_index(product, dataset_id)
    with product.rt.db.read() as conn:
        digest = [text.content_hash for text in _texts(product, dataset_id)]
        assert hook_store.list_known_vectors(conn, "test:words:1", digest) == {}


def _texts(product: Product, dataset_id: str) -> list[Any]:
    with product.rt.db.read() as conn:
        return hook_store.list_unembedded_in(conn, dataset_id, IndexBasis("nobody"), 0, 10)


def test_segments_of_a_new_economy_dataset_show_their_keywords(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    path = f"/v1/datasets/{dataset_id}/documents/{document}/segments"
    assert [row["keywords"] for row in got(product.api.get(path))["data"]] == [[], [], []]
    patch(product, dataset_id, indexing_technique="economy")
    product.settle()
    assert "bananas" in got(product.api.get(path))["data"][1]["keywords"]


@pytest.mark.parametrize("technique", ["economy", "high_quality"])
def test_parents_and_children_are_found_as_the_new_technique_wants(product: Product, name: str, technique: str) -> None:
    other = "high_quality" if technique == "economy" else "economy"
    rule = {
        "mode": "hierarchical",
        "rules": {
            "parent_mode": "paragraph",
            "segmentation": {"separator": "\n\n", "max_tokens": 500},
            "subchunk_segmentation": {"separator": "\n", "max_tokens": 100},
        },
    }
    texts = {"text": "first parent\nits child\n\nsecond parent\nanother child", "process_rule": rule}
    fields = {**texts, "doc_form": "hierarchical_model"}
    switched, made = (make(product, f"{name} {each}", each, **fields) for each in (other, technique))
    patch(product, switched, indexing_technique=technique)
    product.settle()
    check_index(product, switched)
    assert row_of(product, switched)[0].posting_count == row_of(product, made)[0].posting_count
    assert row_of(product, switched)[0].term_count == row_of(product, made)[0].term_count
    for query in ("first parent", "another child"):
        assert answers(product, switched, query) == answers(product, made, query) != []


def test_a_document_that_comes_during_the_switch_is_in_the_new_index(
    product: Product, name: str, rival: WordEmbedder
) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    product.add_text(dataset_id, "late", "cherries are dark")
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    assert statuses(product, dataset_id) == ["completed", "completed"]
    assert answers(product, dataset_id, "cherries are dark")[0] == "cherries are dark"
    assert rival.asked == []
    product.settle()
    assert answers(product, dataset_id, "cherries are dark")[0] == "cherries are dark"
    assert rival.asked == ["cherries are dark"]
    check_index(product, dataset_id)


def test_many_texts_that_come_at_the_last_moment_send_the_job_round_again(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    lines = [f"late line {number}" for number in range(100)]
    product.add_text(dataset_id, "late", "\n".join(lines), process_rule=by_line())
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    product.keeper.rebuild_due()
    _, switch = row_of(product, dataset_id)
    assert switch is not None and not switch.is_ready
    product.settle()
    assert answers(product, dataset_id, "late line 77")[0] == "late line 77"
    check_index(product, dataset_id)


def test_an_edit_between_the_job_and_the_new_index_is_in_it(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    path = f"/v1/datasets/{dataset_id}/documents/{document}/segments"
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    got(product.api.post(path, json={"segments": [{"content": "lemons are sour"}]}))
    first = got(product.api.get(path))["data"][0]["id"]
    assert product.api.delete(f"{path}/{first}").status_code == 204
    assert answers(product, dataset_id, "lemons are sour")[0] == "lemons are sour"
    product.settle()
    assert answers(product, dataset_id, "lemons are sour")[0] == "lemons are sour"
    assert "apples are red" not in answers(product, dataset_id, "apples are red")
    check_index(product, dataset_id)


def test_a_segment_that_was_disabled_during_the_switch_can_be_enabled_after_it(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    path = f"/v1/datasets/{dataset_id}/documents/{document}/segments"
    segment = f"{path}/{got(product.api.get(path))['data'][0]['id']}"
    got(product.api.post(segment, json={"segment": {"enabled": False}}))
    patch(product, dataset_id, **RIVAL_FIELDS)
    product.settle()
    assert "apples are red" not in answers(product, dataset_id, "apples are red")
    got(product.api.post(segment, json={"segment": {"enabled": True}}))
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    check_index(product, dataset_id)


def test_a_second_update_during_a_switch_wins(product: Product, name: str, rival: WordEmbedder) -> None:
    dataset_id = make(product, name, "economy")
    patch(product, dataset_id, indexing_technique="high_quality")
    body = patch(product, dataset_id, **RIVAL_FIELDS)
    assert settings(body) == ("high_quality", "other-words", "rival")
    product.settle()
    assert settings(show(product, dataset_id)) == ("high_quality", "other-words", "rival")
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    assert (product.embedder.embedded, rival.asked) == ([], ["apples are red"])
    check_index(product, dataset_id)


def test_going_back_during_a_switch_ends_it(product: Product, name: str, rival: WordEmbedder) -> None:
    dataset_id = make(product, name)
    generation = row_of(product, dataset_id)[0].index_generation
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    body = patch(product, dataset_id, embedding_model="words", embedding_model_provider="test")
    assert settings(body) == ("high_quality", "words", "test")
    product.settle()
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    assert row_of(product, dataset_id)[0].index_dimension == product.embedder.dimension
    assert rival.asked == [] and row_of(product, dataset_id)[0].index_generation >= generation
    check_index(product, dataset_id)


def test_an_update_of_something_else_leaves_a_switch_alone(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    before = row_of(product, dataset_id)[1]
    assert settings(patch(product, dataset_id, description="x"))[1] == "other-words"
    assert settings(patch(product, dataset_id, **RIVAL_FIELDS))[1] == "other-words"
    assert row_of(product, dataset_id)[1] == before
    product.settle()
    check_index(product, dataset_id)


def test_a_model_that_fails_leaves_the_dataset_as_it_was_and_says_why(
    product: Product, name: str, rival: WordEmbedder
) -> None:
    dataset_id = make(product, name)
    rival.failure = "rival: the key is wrong"
    patch(product, dataset_id, **RIVAL_FIELDS)
    for _ in range(2):
        product.settle()
        with product.rt.db.begin() as tx:
            tx.execute(update(jobs).where(jobs.c.state == "waiting").values(run_at=0))
    assert settings(show(product, dataset_id)) == ("high_quality", "words", "test")
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    assert statuses(product, dataset_id) == ["completed"]
    _, switch = row_of(product, dataset_id)
    assert switch is not None and switch.error == "rival: the key is wrong"
    with product.rt.db.read() as conn:
        left = conn.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all()
    assert [tuple(job) for job in left] == [("reindex_dataset", "failed", "rival: the key is wrong")]

    rival.failure = None
    assert settings(patch(product, dataset_id, **RIVAL_FIELDS))[1] == "other-words"
    product.settle()
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    assert rival.asked == ["apples are red"]
    check_index(product, dataset_id)


def test_a_dataset_without_documents_is_switched_at_once(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    assert product.api.delete(f"/v1/datasets/{dataset_id}/documents/{document}").status_code == 204
    patch(product, dataset_id, **RIVAL_FIELDS)
    dataset, switch = row_of(product, dataset_id)
    assert (switch, dataset.embedding_model) == (None, "other-words")
    product.add_text(dataset_id, "new", "figs are sweet")
    product.settle()
    assert answers(product, dataset_id, "figs are sweet") == ["figs are sweet"]
    assert product.index.list_generations(dataset_id) == [row_of(product, dataset_id)[0].index_generation]
    check_index(product, dataset_id)


def test_a_dataset_can_be_deleted_during_a_switch(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    assert product.api.delete(f"/v1/datasets/{dataset_id}").status_code == 204
    product.settle()
    assert product.index.list_generations(dataset_id) == []


def test_a_changed_model_of_the_same_name_is_taken_by_naming_it(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    former = product.embedder.key
    product.embedder.key = "test:words:2"
    try:
        patch(product, dataset_id, description="not the model")
        assert row_of(product, dataset_id)[1] is None
        patch(product, dataset_id, embedding_model="words", embedding_model_provider="test")
        product.settle()
        assert row_of(product, dataset_id)[0].embedding_key == "test:words:2"
        check_index(product, dataset_id)
    finally:
        product.embedder.key = former


def test_vectors_that_another_dataset_answers_with_are_kept(product: Product, name: str) -> None:
    kept, left = make(product, name), make(product, f"{name} again")
    patch(product, left, indexing_technique="economy")
    product.settle()
    check_index(product, kept)
    assert answers(product, kept, "apples are red")[0] == "apples are red"


def test_a_switch_that_was_ready_when_the_server_ended_is_finished_by_the_next(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    keeper = IndexKeeper(product.rt, product.index, product.applier, product.rt.settings.index_dir)
    stop = threading.Event()
    thread = threading.Thread(target=keeper.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 60
    while row_of(product, dataset_id)[1] is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join()
    assert row_of(product, dataset_id)[0].embedding_model == "other-words"
    check_index(product, dataset_id)


def test_what_changes_while_the_new_index_is_built_is_in_it_too(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    document = got(product.api.get(f"/v1/datasets/{dataset_id}/documents"))["data"][0]["id"]
    path = f"/v1/datasets/{dataset_id}/documents/{document}/segments"
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    began = product.applier.retain(dataset_id)
    dataset, switch = row_of(product, dataset_id)
    assert switch is not None and switch.is_ready
    shard = replace(shard_of(dataset), generation=dataset.index_generation + 1, dimension=32)
    fill_shard(product.rt.db, product.index, shard, basis_of(dataset, switch))

    first = got(product.api.get(path))["data"][0]["id"]
    assert product.api.delete(f"{path}/{first}").status_code == 204
    got(product.api.post(path, json={"segments": [{"content": "lemons are sour"}]}))
    product.add_text(dataset_id, "late", "cherries are dark")
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()

    assert product.applier.swap(dataset, shard, began, switch)
    product.applier.release(dataset_id)
    assert "apples are red" not in answers(product, dataset_id, "apples are red")
    for text in ("lemons are sour", "cherries are dark", "plums are blue"):
        assert answers(product, dataset_id, text)[0] == text
    check_index(product, dataset_id)


def test_an_index_that_was_built_for_an_older_wish_never_answers(product: Product, name: str) -> None:
    dataset_id = make(product, name)
    patch(product, dataset_id, **RIVAL_FIELDS)
    run_jobs(product.rt, product.handlers)
    product.applier.apply_pending()
    began = product.applier.retain(dataset_id)
    dataset, switch = row_of(product, dataset_id)
    shard = replace(shard_of(dataset), generation=dataset.index_generation + 1, dimension=32)
    patch(product, dataset_id, indexing_technique="economy")
    assert not product.applier.swap(dataset, shard, began, switch)
    product.applier.release(dataset_id)
    assert answers(product, dataset_id, "apples are red")[0] == "apples are red"
    product.settle()
    assert settings(show(product, dataset_id)) == ("economy", None, None)
    check_index(product, dataset_id)
