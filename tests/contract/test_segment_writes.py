"""Adding, changing and deleting segments and child chunks (contract 3.4, 3.5, 4.3, 4.6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.working import while_embedding
from tests.product import Product, open_product
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.indexes.store import count_live_postings
from zhiku.segments.indexing import shard_of

BY_LINE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}
PARAGRAPHS = {
    "mode": "hierarchical",
    "rules": {
        "segmentation": {"separator": "\n\n", "max_tokens": 200},
        "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
    },
}
PARENTS = "apples are red\nbananas are yellow\n\ncars are fast\nbikes are slow"


@dataclass
class Place:
    """A completed document and its routes."""

    product: Product
    dataset_id: str
    document_id: str

    @property
    def path(self) -> str:
        return f"/v1/datasets/{self.dataset_id}/documents/{self.document_id}/segments"

    def add(self, *segments: dict[str, Any]) -> list[dict[str, Any]]:
        response = self.product.api.post(self.path, json={"segments": list(segments)})
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def rows(self) -> list[dict[str, Any]]:
        return self.product.api.get(self.path).json()["data"]

    def change(self, segment_id: str, **change: Any) -> dict[str, Any]:
        response = self.product.api.post(f"{self.path}/{segment_id}", json={"segment": change})
        assert response.status_code == 200, response.text
        return response.json()["data"]

    def find(self, query: str, **model: Any) -> list[str]:
        records = self.product.retrieve(self.dataset_id, query, "full_text_search", **model)
        return [record["segment"]["content"] for record in records]

    def document(self) -> dict[str, Any]:
        return self.product.api.get(f"/v1/datasets/{self.dataset_id}/documents/{self.document_id}").json()

    def check_agreement(self) -> None:
        """The index has exactly the postings that the catalog says, and its counts are right."""
        with self.product.rt.db.read() as conn:
            dataset = dataset_store.find_dataset(conn, self.dataset_id)
            assert dataset is not None
            expected = count_live_postings(conn, self.dataset_id)
        assert len(self.product.index.list_numbers(shard_of(dataset))) == expected == dataset.posting_count
        document = self.document()
        segments = self.rows()
        assert document["word_count"] == sum(segment["word_count"] for segment in segments)
        assert document["tokens"] == sum(segment["tokens"] for segment in segments)


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku in this process."""
    with open_product(tmp_path / "data", sqlite_database) as opened:
        yield opened


def make(product: Product, text: str = "alpha one\nbeta two", **fields: Any) -> Place:
    technique = fields.pop("technique", "high_quality")
    dataset_id = product.create_dataset(indexing_technique=technique)
    created = product.add_text(dataset_id, "doc", text, **{"process_rule": BY_LINE, **fields})
    product.settle()
    return Place(product, dataset_id, created["document"]["id"])


@pytest.fixture(params=["high_quality", "economy"])
def place(product: Product, request: pytest.FixtureRequest) -> Place:
    """A document of two segments."""
    return make(product, technique=request.param)


def test_added_segments_come_after_the_highest_position_and_are_found_at_once(place: Place) -> None:
    made = place.add({"content": "gamma three", "keywords": ["Greek"]}, {"content": "delta four"})
    assert [segment["position"] for segment in made] == [3, 4]
    assert [(segment["status"], segment["enabled"]) for segment in made] == [("completed", True)] * 2
    assert made[0]["keywords"] == ["Greek"]
    # Economy answers by keywords, and these were given.
    query = "Greek" if made[1]["keywords"] else "gamma three"
    assert place.find(query)[0] == "gamma three"
    assert [segment["content"] for segment in place.rows()] == ["alpha one", "beta two", "gamma three", "delta four"]
    place.check_agreement()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Segments is required"),
        ({"segments": []}, "Segments is required"),
        ({"segments": [{"content": "  "}]}, "Content is empty"),
        ({"segments": [{"content": "fine"}, {"content": ""}]}, "Content is empty"),
        ({"segments": [{"content": "x", "keywords": [1]}]}, "keywords"),
        ({"segments": [{"content": "x", "attachment_ids": ["a"] * 11}]}, "Exceeded maximum attachment limit of 10"),
    ],
)
def test_one_bad_segment_refuses_all(place: Place, body: dict[str, Any], message: str) -> None:
    response = place.product.api.post(place.path, json=body)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_param")
    assert message in response.json()["message"]
    assert len(place.rows()) == 2


def test_segments_of_a_document_that_is_not_completed_are_refused_before_the_body(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "doc", "alpha")
    path = f"/v1/datasets/{dataset_id}/documents/{created['document']['id']}/segments"
    response = product.api.post(path, content=b"{broken")
    assert (response.status_code, response.json()["message"]) == (404, "Document is not completed.")


def test_changed_content_is_found_and_the_old_is_not(place: Place) -> None:
    first = place.rows()[0]
    changed = place.change(first["id"], content="omega nine")
    assert changed["id"] == first["id"] and changed["index_node_hash"] != first["index_node_hash"]
    assert place.find("omega")[0] == "omega nine"
    assert place.find("alpha") == []
    place.check_agreement()


def test_a_disabled_segment_does_not_answer_and_takes_no_edit_until_it_is_enabled(place: Place) -> None:
    first = place.rows()[0]
    off = place.change(first["id"], enabled=False, content="alpha changed")
    assert (off["enabled"], off["content"]) == (False, "alpha changed") and off["disabled_at"] is not None
    assert place.find("alpha") == []
    assert place.change(first["id"], enabled=False)["enabled"] is False
    refused = place.product.api.post(f"{place.path}/{first['id']}", json={"segment": {"content": "x"}})
    assert (refused.status_code, refused.json()["message"]) == (400, "Can't update disabled segment")
    on = place.change(first["id"], enabled=True)
    assert (on["enabled"], on["disabled_at"], on["disabled_by"]) == (True, None, None)
    assert place.find("alpha") == ["alpha changed"]
    place.check_agreement()


def test_keywords_are_replaced_exactly_and_cleared_by_an_empty_list(place: Place) -> None:
    first = place.rows()[0]
    assert place.change(first["id"], keywords=["B", "A"])["keywords"] == ["B", "A"]
    records = place.product.retrieve(place.dataset_id, "B A", "keyword_search")
    assert records[0]["segment"]["id"] == first["id"]
    assert place.change(first["id"], keywords=[])["keywords"] == []


def test_the_fields_of_a_change_may_stand_at_the_top_and_none_at_all_is_refused(place: Place) -> None:
    first = place.rows()[0]
    top = place.product.api.patch(f"{place.path}/{first['id']}", json={"content": "at the top"})
    assert top.json()["data"]["content"] == "at the top"
    assert place.product.api.post(f"{place.path}/{first['id']}", json={}).status_code == 400


def test_a_deleted_segment_is_gone_at_once_and_positions_stay(place: Place) -> None:
    first = place.rows()[0]
    response = place.product.api.delete(f"{place.path}/{first['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert place.find("alpha") == []
    assert [segment["position"] for segment in place.rows()] == [2]
    again = place.product.api.delete(f"{place.path}/{first['id']}")
    assert (again.status_code, again.json()["message"]) == (404, "Segment not found.")
    place.check_agreement()


def test_segments_added_by_hand_survive_an_update_after_the_generated_ones(place: Place) -> None:
    place.add({"content": "by hand"})
    place.product.add_text(place.dataset_id, "doc", "new first\nalpha one", process_rule=BY_LINE)
    place.product.settle()
    assert [segment["content"] for segment in place.rows()] == ["new first", "alpha one", "by hand"]
    assert place.find("hand") == ["by hand"]
    place.check_agreement()


def test_a_model_that_fails_leaves_the_segment_in_error_and_the_call_succeeds(product: Product) -> None:
    place = make(product)
    product.embedder.failure = "Embedding provider test is down."
    made = place.add({"content": "gamma three"})[0]
    assert (made["status"], made["enabled"], made["error"]) == ("error", False, "Embedding provider test is down.")
    product.embedder.failure = None
    fixed = place.change(made["id"], enabled=True, content="gamma four")
    assert (fixed["status"], fixed["error"], fixed["enabled"]) == ("completed", None, True)
    assert place.find("gamma") == ["gamma four"]


def test_parents_are_found_by_their_children_which_come_with_the_record(product: Product) -> None:
    place = make(product, PARENTS, doc_form="hierarchical_model", process_rule=PARAGRAPHS)
    segments = place.rows()
    assert [segment["content"] for segment in segments] == PARENTS.split("\n\n")
    assert [child["content"] for child in segments[0]["child_chunks"]] == ["apples are red", "bananas are yellow"]

    records = product.retrieve(place.dataset_id, "yellow bananas", "full_text_search")

    assert records[0]["segment"]["content"] == segments[0]["content"]
    best = records[0]["child_chunks"][0]
    assert best["content"] == "bananas are yellow" and best["score"] == records[0]["score"]
    place.check_agreement()


def test_a_hierarchical_document_without_a_rule_gets_the_default_one(product: Product) -> None:
    dataset_id = product.create_dataset()
    created = product.add_text(dataset_id, "doc", PARENTS, doc_form="hierarchical_model")
    product.settle()
    detail = product.api.get(f"/v1/datasets/{dataset_id}/documents/{created['document']['id']}").json()
    assert detail["document_process_rule"]["mode"] == "hierarchical"
    rules = detail["document_process_rule"]["rules"]
    assert (rules["segmentation"]["max_tokens"], rules["subchunk_segmentation"]["max_tokens"]) == (1024, 512)


def test_a_full_document_is_one_parent_whose_children_are_listed_apart(product: Product) -> None:
    rule = {
        "mode": "hierarchical",
        "rules": {
            "parent_mode": "full-doc",
            "segmentation": {"separator": "\n", "max_tokens": 10},
            "subchunk_segmentation": {"separator": "\n", "max_tokens": 50},
        },
    }
    place = make(product, PARENTS, doc_form="hierarchical_model", process_rule=rule)
    (whole,) = place.rows()
    assert (whole["content"], whole["child_chunks"]) == (PARENTS, [])
    children = product.api.get(f"{place.path}/{whole['id']}/child_chunks").json()
    assert (children["total"], children["total_pages"], children["page"]) == (4, 1, 1)


def test_a_segment_deleted_while_its_document_is_indexed_leaves_no_count_below_zero(product: Product) -> None:
    dataset_id = product.create_dataset("Deleted early", indexing_technique="high_quality")
    document = product.add_text(dataset_id, "guide", "Cats sleep in the sun.\nDogs run.", process_rule=BY_LINE)[
        "document"
    ]
    path = f"/v1/datasets/{dataset_id}/documents/{document['id']}"

    def delete_one() -> None:
        listed = product.api.get(f"{path}/segments").json()["data"]
        if len(listed) == 2:
            assert product.api.delete(f"{path}/segments/{listed[0]['id']}").status_code == 204
            assert product.api.get(path).json()["tokens"] == 0

    with while_embedding(product, delete_one):
        product.settle()
    (left,) = product.api.get(f"{path}/segments").json()["data"]
    detail = product.api.get(path).json()
    assert (detail["tokens"], detail["word_count"]) == (left["tokens"], left["word_count"])


def test_child_chunks_are_added_changed_and_deleted_as_hooks_of_their_parent(product: Product) -> None:
    place = make(product, PARENTS, doc_form="hierarchical_model", process_rule=PARAGRAPHS)
    parent = place.rows()[1]
    path = f"{place.path}/{parent['id']}/child_chunks"
    made = product.api.post(path, json={"content": "trains are long"}).json()["data"]
    assert (made["type"], made["position"], made["segment_id"]) == ("customized", 3, parent["id"])
    assert place.find("trains") == [parent["content"]]

    changed = product.api.patch(f"{path}/{made['id']}", json={"content": "ships are heavy"}).json()["data"]
    assert (changed["id"], changed["content"]) == (made["id"], "ships are heavy")
    assert place.find("trains") == [] and place.find("ships") == [parent["content"]]
    place.check_agreement()

    assert product.api.delete(f"{path}/{made['id']}").status_code == 204
    assert place.find("ships") == []
    gone = product.api.delete(f"{path}/{made['id']}")
    assert (gone.status_code, gone.json()["message"]) == (404, "Child chunk not found.")
    place.check_agreement()


def test_child_chunks_are_cut_anew_only_when_that_is_asked(product: Product) -> None:
    place = make(product, PARENTS, doc_form="hierarchical_model", process_rule=PARAGRAPHS)
    first = place.rows()[0]
    kept = place.change(first["id"], content="cherries are dark\nplums are blue")
    assert [child["content"] for child in kept["child_chunks"]] == ["apples are red", "bananas are yellow"]
    anew = place.change(first["id"], regenerate_child_chunks=True)
    assert [child["content"] for child in anew["child_chunks"]] == ["cherries are dark", "plums are blue"]
    assert place.find("plums") == ["cherries are dark\nplums are blue"] and place.find("apples") == []
    place.check_agreement()


def test_a_customised_child_chunk_survives_an_update_that_keeps_its_parent(product: Product) -> None:
    place = make(product, PARENTS, doc_form="hierarchical_model", process_rule=PARAGRAPHS)
    parent = place.rows()[0]
    product.api.post(f"{place.path}/{parent['id']}/child_chunks", json={"content": "fruit"})
    product.add_text(
        place.dataset_id, "doc", PARENTS.split("\n\n", maxsplit=1)[0] + "\n\nwholly new", doc_form="hierarchical_model",
        process_rule=PARAGRAPHS,
    )  # fmt: skip
    product.settle()
    segments = place.rows()
    assert segments[0]["id"] == parent["id"]
    assert [child["content"] for child in segments[0]["child_chunks"]][-1] == "fruit"
    assert place.find("fast cars") == []
    place.check_agreement()


def test_explicit_pairs_become_questions_with_answers(product: Product) -> None:
    text = "Q1: What is red?\nA1: Apples.\n问：什么是黄色？\n答：香蕉。"
    place = make(product, text, doc_form="qa_model")
    assert [(row["content"], row["answer"]) for row in place.rows()] == [
        ("What is red?", "Apples."),
        ("什么是黄色？", "香蕉。"),
    ]
    assert place.find("黄色") == ["什么是黄色？"]
    assert place.find("Apples") == []


def test_without_pairs_the_first_sentence_asks_for_the_whole_piece(product: Product) -> None:
    place = make(product, "Apples are red. They grow on trees.", doc_form="qa_model")
    (only,) = place.rows()
    assert (only["content"], only["answer"]) == ("Apples are red.", "Apples are red. They grow on trees.")
    assert only["word_count"] == len(only["content"]) + len(only["answer"])


def test_a_question_needs_an_answer_and_keeps_it_when_only_the_text_changes(product: Product) -> None:
    place = make(product, "Q: one?\nA: 1.", doc_form="qa_model")
    for answer, message in ((None, "Answer is required"), ("", "Answer is empty")):
        response = product.api.post(place.path, json={"segments": [{"content": "two?", "answer": answer}]})
        assert (response.status_code, response.json()["message"]) == (400, message)
    made = place.add({"content": "two?", "answer": "2."})[0]
    assert place.change(made["id"], content="three?")["answer"] == "2."
    assert place.change(made["id"], answer="3.")["answer"] == "3."
    place.check_agreement()
