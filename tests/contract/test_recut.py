"""Cut all documents of a dataset anew by another rule, on both engines (contract 13, 4.8)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.calls import UNKNOWN, by_line, got, refusal, state
from tests.contract.working import while_embedding
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import jobs
from zhiku.documents import recuts

TEXT = "shared first line\nshared second line\n\nalone"
BY_BLOCK = {"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 200}}}


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


class Case:
    """A dataset with documents cut by line."""

    def __init__(self, product: Product, count: int = 3) -> None:
        self.product = product
        self.dataset_id = product.create_dataset(indexing_technique="high_quality")
        self.path = f"/v1/datasets/{self.dataset_id}/documents"
        self.ids = [self.add(f"guide {number}") for number in range(count)]
        product.settle()

    def add(self, name: str) -> str:
        return self.product.add_text(self.dataset_id, name, TEXT, process_rule=by_line())["document"]["id"]

    def start(self, rule: object = BY_BLOCK) -> Any:
        return self.product.api.post(f"/v1/datasets/{self.dataset_id}/documents/recut", json={"process_rule": rule})

    def progress(self) -> dict[str, Any]:
        return got(self.product.api.get(f"/v1/datasets/{self.dataset_id}/documents/recut"))

    def cancel(self) -> Any:
        return self.product.api.post(f"/v1/datasets/{self.dataset_id}/documents/recut/cancel")

    def counts(self) -> tuple[str, int, int, int, int]:
        found = self.progress()
        return found["status"], found["total"], found["done"], found["failed"], found["skipped"]

    def segments(self, document_id: str) -> dict[str, str]:
        """Return the ids of a document's segments by their content."""
        found = got(self.product.api.get(f"{self.path}/{document_id}/segments"))["data"]
        return {segment["content"]: segment["id"] for segment in found}

    def switch(self, action: str, document_id: str) -> None:
        got(self.product.api.patch(f"{self.path}/status/{action}", json={"document_ids": [document_id]}))


@pytest.fixture
def case(product: Product) -> Case:
    return Case(product)


def test_every_document_is_cut_by_the_new_rule_and_keeps_what_stays_the_same(case: Case) -> None:
    before = [case.segments(each) for each in case.ids]
    started = got(case.start())
    assert (started["status"], started["total"], started["done"], started["ended_at"]) == ("running", 3, 0, None)
    assert (started["process_rule"]["mode"], started["process_rule"]["dataset_id"]) == ("custom", case.dataset_id)
    case.product.settle()
    assert case.counts() == ("completed", 3, 3, 0, 0)
    for document_id, old in zip(case.ids, before, strict=True):
        new = case.segments(document_id)
        assert set(new) == {"shared first line\nshared second line", "alone"}
        assert new["alone"] == old["alone"]
    assert case.progress()["ended_at"] is not None


def test_the_rule_is_the_datasets_newest_from_then_on(case: Case) -> None:
    rule_id = got(case.start())["process_rule"]["id"]
    made = case.product.add_text(case.dataset_id, "later", TEXT)["document"]
    assert made["dataset_process_rule_id"] == rule_id
    case.product.settle()
    assert case.counts() == ("completed", 3, 3, 0, 0)


def test_old_content_answers_until_the_new_is_complete(case: Case) -> None:
    got(case.start())
    seen: list[list[str]] = []

    def look() -> None:
        records = case.product.retrieve(case.dataset_id, "shared second", "keyword_search", top_k=3)
        seen.append([record["segment"]["content"] for record in records])

    with while_embedding(case.product, look):
        case.product.settle()
    assert seen[0] == ["shared second line"] * 3


def test_documents_are_taken_a_few_at_a_time_and_others_get_their_turn(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recuts, "BATCH", 2)
    case = Case(product, count=5)
    got(case.start())
    assert case.counts() == ("running", 5, 0, 0, 0)
    waiting: list[int] = []

    def look() -> None:
        with product.rt.db.read() as conn:
            waiting.append(len(conn.execute(select(jobs.c.number)).all()))

    with while_embedding(product, look):
        product.settle()
    # Two documents and the walk, never all five.
    assert max(waiting) <= 3
    assert case.counts() == ("completed", 5, 5, 0, 0)


def test_a_cancelled_recut_finishes_what_is_being_cut_and_leaves_the_others(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recuts, "BATCH", 2)
    case = Case(product, count=5)
    got(case.start())

    def cancel() -> None:
        assert got(case.cancel())["status"] == "cancelled"

    with while_embedding(product, cancel):
        product.settle()
    assert case.counts() == ("cancelled", 5, 2, 0, 0)
    assert [len(case.segments(each)) for each in case.ids] == [2, 2, 3, 3, 3]
    listed = got(product.api.get(case.path))["data"]
    assert {row["indexing_status"] for row in listed} == {"completed"}
    assert got(case.cancel())["status"] == "cancelled"


def test_a_recut_that_has_ended_cannot_be_cancelled(case: Case) -> None:
    got(case.start())
    case.product.settle()
    message = "Every document has its new rule already, so there is nothing to cancel."
    assert refusal(case.cancel()) == (400, "invalid_action", message)


def test_archived_and_paused_documents_are_skipped_and_disabled_ones_are_cut(case: Case) -> None:
    case.switch("archive", case.ids[0])
    case.switch("disable", case.ids[1])
    got(case.product.api.post(f"{case.path}/{case.ids[2]}/update-by-text", json={"text": "other"}))
    got(case.product.api.post(f"{case.path}/{case.ids[2]}/pause"))
    got(case.start())
    case.product.settle()
    assert case.counts() == ("completed", 3, 1, 0, 2)
    assert [len(case.segments(each)) for each in case.ids[:2]] == [3, 2]
    listed = {row["id"]: row["display_status"] for row in got(case.product.api.get(case.path))["data"]}
    assert [listed[each] for each in case.ids] == ["archived", "disabled", "paused"]


def test_a_document_that_cannot_be_indexed_is_counted_as_failed(case: Case) -> None:
    case.product.rt.blobs.delete(min(case.product.rt.blobs.list_keys()))
    got(case.start())
    case.product.settle()
    assert case.counts() == ("completed", 3, 2, 1, 0)


def test_a_second_recut_takes_the_place_of_the_first(case: Case) -> None:
    first = got(case.start())["id"]
    second = got(case.start({"mode": "automatic"}))["id"]
    case.product.settle()
    assert first != second
    assert case.progress()["id"] == second
    assert case.counts() == ("completed", 3, 3, 0, 0)
    assert [len(case.segments(each)) for each in case.ids] == [1, 1, 1]


def test_a_deleted_document_leaves_the_count(case: Case) -> None:
    got(case.start())
    assert case.product.api.delete(f"{case.path}/{case.ids[1]}").status_code == 204
    case.product.settle()
    assert case.counts() == ("completed", 2, 2, 0, 0)


def test_a_dataset_without_documents_is_done_at_once(product: Product) -> None:
    case = Case(product, count=0)
    got(case.start())
    product.settle()
    assert case.counts() == ("completed", 0, 0, 0, 0)


def test_a_dataset_can_be_deleted_while_it_is_cut(case: Case) -> None:
    got(case.start())
    assert case.product.api.delete(f"/v1/datasets/{case.dataset_id}").status_code == 204
    case.product.settle()
    with case.product.rt.db.read() as conn:
        assert conn.execute(select(jobs.c.kind)).all() == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (None, "process_rule: Input should be a valid dictionary"),
        ({}, "Process rule mode is required"),
        (by_line(0), "Custom segment length should be between 1 and 4000."),
    ],
)
def test_a_rule_that_is_wrong_changes_nothing(case: Case, rule: object, message: str) -> None:
    before = state(case.product)
    assert refusal(case.start(rule)) == (400, "invalid_param", message)
    assert state(case.product) == before


def test_a_dataset_that_was_never_cut_anew_says_so(case: Case) -> None:
    message = "The documents of this dataset have not been cut anew."
    assert refusal(case.product.api.get(f"{case.path}/recut")) == (404, "not_found", message)
    assert refusal(case.cancel()) == (404, "not_found", message)
    reply = case.product.api.post(f"/v1/datasets/{UNKNOWN}/documents/recut", json={"process_rule": BY_BLOCK})
    assert refusal(reply) == (404, "not_found", "Dataset not found.")
