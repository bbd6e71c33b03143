"""Many requests at one moment (contract 11.15): positions, names, counts and answers are as if they came in turn."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from tests.contract.calls import UNKNOWN, by_line, got, state
from tests.contract.working import while_embedding
from tests.product import Product, open_product
from zhiku.db.engine import Database

WORDS = ["amber", "birch", "cedar", "fjord"]


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku on each of the two databases."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


def at_once(send: Callable[[int], Response], count: int) -> list[Response]:
    """Return the replies to `count` requests of which up to eight are under way together."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(send, range(count)))


def sender(product: Product, path: str, body: Callable[[int], dict[str, Any]]) -> Callable[[int], Response]:
    """Return what posts the body of a number to a path."""
    return lambda number: product.api.post(f"/v1{path}", json=body(number))


def text_body(name: str, text: str) -> dict[str, Any]:
    """Return the body of a create-by-text in which each line is a segment."""
    return {"name": name, "text": text, "indexing_technique": "high_quality", "process_rule": by_line()}


def list_documents(product: Product, dataset_id: str) -> list[dict[str, Any]]:
    """Return the rows of a dataset's documents."""
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents?limit=100"))["data"]


def list_segments(product: Product, dataset_id: str, document_id: str) -> list[dict[str, Any]]:
    """Return the segments of a document."""
    return got(product.api.get(f"/v1/datasets/{dataset_id}/documents/{document_id}/segments?limit=100"))["data"]


def test_creates_of_different_names_get_distinct_positions(product: Product) -> None:
    dataset_id = product.create_dataset()
    path = f"/datasets/{dataset_id}/document/create-by-text"
    replies = at_once(sender(product, path, lambda number: text_body(f"n{number}", "x")), 16)
    assert sorted(got(reply)["document"]["position"] for reply in replies) == list(range(1, 17))


def test_creates_of_one_name_end_as_one_document_with_the_later_content(product: Product) -> None:
    dataset_id = product.create_dataset()
    path = f"/datasets/{dataset_id}/document/create-by-text"
    replies = [got(each) for each in at_once(sender(product, path, lambda n: text_body("same", f"text {n}")), 12)]
    assert len({reply["document"]["id"] for reply in replies}) == 1
    product.settle()
    (document,) = list_documents(product, dataset_id)
    # A create gives the document a new batch, and the last one's is the one that is left.
    statuses = [
        product.api.get(f"/v1/datasets/{dataset_id}/documents/{reply['batch']}/indexing-status") for reply in replies
    ]
    (last,) = [number for number, status in enumerate(statuses) if status.status_code == 200]
    assert [row["content"] for row in list_segments(product, dataset_id, document["id"])] == [f"text {last}"]


def test_of_parallel_updates_one_wins_and_the_others_meet_document_indexing(product: Product) -> None:
    dataset_id = product.create_dataset()
    document_id = product.add_text(dataset_id, "a", "alpha")["document"]["id"]
    product.settle()
    path = f"/datasets/{dataset_id}/documents/{document_id}/update-by-text"
    replies = at_once(sender(product, path, lambda number: {"text": f"text {number}"}), 12)
    (won,) = [number for number, reply in enumerate(replies) if reply.status_code == 200]
    lost = [reply.json() for reply in replies if reply.status_code != 200]
    assert {(reply["status"], reply["code"]) for reply in lost} == {(400, "document_indexing")}
    product.settle()
    assert [row["content"] for row in list_segments(product, dataset_id, document_id)] == [f"text {won}"]


def test_segments_added_at_once_get_distinct_positions_and_are_all_counted(product: Product) -> None:
    dataset_id = product.create_dataset()
    document_id = product.add_text(dataset_id, "a", "alpha")["document"]["id"]
    product.settle()
    path = f"/datasets/{dataset_id}/documents/{document_id}/segments"
    for reply in at_once(sender(product, path, lambda number: {"segments": [{"content": f"beta {number:02}"}]}), 16):
        got(reply)
    rows = list_segments(product, dataset_id, document_id)
    assert [row["position"] for row in rows] == list(range(1, 18))
    (document,) = list_documents(product, dataset_id)
    assert document["word_count"] == sum(len(row["content"]) for row in rows)


def test_fields_and_tags_of_one_name_are_made_once(product: Product) -> None:
    dataset_id = product.create_dataset()
    field = sender(product, f"/datasets/{dataset_id}/metadata", lambda _: {"type": "string", "name": "author"})
    assert sorted(reply.status_code for reply in at_once(field, 8)) == [201] + [400] * 7
    tag = sender(product, "/datasets/tags", lambda _: {"name": "one"})
    replies = at_once(tag, 8)
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 7
    (made,) = [reply.json()["id"] for reply in replies if reply.status_code == 200]
    bind = sender(product, "/datasets/tags/binding", lambda _: {"tag_ids": [made], "target_id": dataset_id})
    assert {reply.status_code for reply in at_once(bind, 8)} == {200}
    assert [tag["binding_count"] for tag in got(product.api.get("/v1/datasets/tags"))] == ["1"]


class Crowd:
    """Clients that each do their own changes to one dataset, in an order of their own, while its work goes on."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.dataset_id = product.create_dataset()
        self.root = f"/v1/datasets/{self.dataset_id}"
        self.refused: list[str] = []
        self.has_begun = threading.Event()

    def act(self, number: int) -> None:
        """Do some random things; remember every reply that no client should get."""
        chance = random.Random(number)
        for _ in range(12):
            reply = self._once(chance)
            if reply.status_code >= 500 or reply.status_code not in (200, 201, 204, 400, 404):
                self.refused.append(reply.text)

    def _once(self, chance: random.Random) -> Response:
        api = self.product.api
        rows = api.get(f"{self.root}/documents?limit=100").json().get("data", [])
        if len(rows) < 3:
            text = "\n".join(chance.sample(WORDS, 3))
            return api.post(f"{self.root}/document/create-by-text", json=text_body(chance.choice("abcd"), text))
        self.has_begun.set()
        path = f"{self.root}/documents/{chance.choice(rows)['id']}"
        listed = api.get(f"{path}/segments").json().get("data")
        segment = f"{path}/segments/{chance.choice(listed)['id'] if listed else UNKNOWN}"
        word = chance.choice(WORDS)
        choices: list[Callable[[], Response]] = [
            lambda: api.post(f"{self.root}/retrieve", json={"query": word}),
            lambda: api.post(f"{path}/segments", json={"segments": [{"content": word}]}),
            lambda: api.post(segment, json={"segment": {"content": word, "enabled": True}}),
            lambda: api.post(segment, json={"segment": {"enabled": False}}),
            lambda: api.post(f"{segment}/child_chunks", json={"content": word}),
            lambda: api.delete(segment),
            lambda: api.post(f"{path}/update-by-text", json={"text": "\n".join(chance.sample(WORDS, 2))}),
            lambda: api.patch(f"{self.root}/documents/status/disable", json={"document_ids": [rows[0]["id"]]}),
            lambda: api.patch(f"{self.root}/documents/status/enable", json={"document_ids": [rows[0]["id"]]}),
            lambda: api.delete(path),
            lambda: api.patch(self.root, json={"description": word, "retrieval_model": {"top_k": 3}}),
            lambda: api.post(f"{self.root}/metadata", json={"type": "string", "name": word}),
            lambda: self._write_value(rows[-1]["id"], word),
            self._delete_field,
        ]
        return chance.choice(choices)()

    def _write_value(self, document_id: str, name: str) -> Response:
        values = [{"id": "", "name": name, "value": name}]
        operation = {"document_id": document_id, "metadata_list": values, "partial_update": True}
        return self.product.api.post(f"{self.root}/documents/metadata", json={"operation_data": [operation]})

    def _delete_field(self) -> Response:
        fields = self.product.api.get(f"{self.root}/metadata").json().get("doc_metadata") or [{"id": UNKNOWN}]
        return self.product.api.delete(f"{self.root}/metadata/{fields[0]['id']}")


@pytest.mark.slow
def test_many_clients_that_change_one_dataset_meet_no_failure_and_leave_exact_counts(product: Product) -> None:
    crowd = Crowd(product)
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            product.settle()

    with ThreadPoolExecutor(7) as pool:
        working = pool.submit(work)
        try:
            for acting in [pool.submit(crowd.act, number) for number in range(6)]:
                acting.result()
        finally:
            is_over.set()
        working.result()
    product.settle()
    assert crowd.refused == []
    check_counts(product, crowd.dataset_id)


def check_counts(product: Product, dataset_id: str) -> None:
    """Check that what a dataset and its documents count is what they have, and that it is what answers."""
    shown = got(product.api.get(f"/v1/datasets/{dataset_id}"))
    documents = list_documents(product, dataset_id)
    assert len({row["position"] for row in documents}) == shown["document_count"] == len(documents)
    assert shown["word_count"] == sum(row["word_count"] for row in documents)
    assert {row["indexing_status"] for row in documents} == {"completed"}
    answering: dict[str, str] = {}
    for row in documents:
        segments = list_segments(product, dataset_id, row["id"])
        assert len({segment["position"] for segment in segments}) == len(segments)
        assert row["word_count"] == sum(len(segment["content"]) for segment in segments)
        assert row["hit_count"] == sum(segment["hit_count"] for segment in segments)
        if row["enabled"]:
            answering |= {segment["id"]: segment["content"] for segment in segments if segment["enabled"]}
    for word in WORDS:
        records = product.retrieve(dataset_id, word, "full_text_search", top_k=200)
        by_child = {record["segment"]["id"] for record in records if record["child_chunks"]}
        by_itself = {record["segment"]["id"] for record in records} - by_child
        expected = {segment for segment, content in answering.items() if content == word}
        assert by_itself <= expected <= by_itself | by_child <= set(answering)


def test_a_dataset_deleted_while_it_is_written_to_leaves_nothing_behind(product: Product) -> None:
    crowd = Crowd(product)
    before = state(product)
    with ThreadPoolExecutor(6) as pool:
        acting = [pool.submit(crowd.act, number) for number in range(4)]
        acting.append(pool.submit(product.settle))
        assert crowd.has_begun.wait(30)
        assert product.api.delete(crowd.root).status_code == 204
        for each in acting:
            each.result()
    product.settle()
    assert crowd.refused == []
    rows, keys, left = state(product)
    assert keys == left == []
    assert {table: count for table, count in rows.items() if count} == {
        table: count - (table == "datasets") for table, count in before[0].items() if count - (table == "datasets")
    }


def test_a_text_added_while_its_last_equal_goes_is_found_by_its_meaning(product: Product) -> None:
    dataset_id = product.create_dataset()
    going = product.add_text(dataset_id, "going", "amber")["document"]["id"]
    staying = product.add_text(dataset_id, "staying", "birch")["document"]["id"]
    product.settle()

    def remove_the_last_equal() -> None:
        product.api.delete(f"/v1/datasets/{dataset_id}/documents/{going}")
        product.settle()

    # The model is called for the second text; the first one has its vector already.
    with while_embedding(product, remove_the_last_equal):
        segments = [{"content": "amber"}, {"content": "cedar"}]
        path = f"/v1/datasets/{dataset_id}/documents/{staying}/segments"
        got(product.api.post(path, json={"segments": segments}))
    (best, *_) = product.retrieve(dataset_id, "amber", "semantic_search")
    assert (best["segment"]["content"], best["segment"]["document"]["name"]) == ("amber", "staying")
