"""Pause, resume, retry and cancel the work on a document, on both engines (contract 13, 4.7)."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select

from tests.contract.calls import UNKNOWN, by_line, got, refusal
from tests.contract.working import while_embedding
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.db.tables import jobs
from zhiku.jobs import queue
from zhiku.jobs.queue import LeaseLost
from zhiku.jobs.worker import JobContext, run_jobs

LINES = [f"line {number} of the shared guide" for number in range(40)]
ROUTES = (
    ("POST", "/v1/datasets/{}/documents/{}/pause"),
    ("POST", "/v1/datasets/{}/documents/{}/resume"),
    ("POST", "/v1/datasets/{}/documents/{}/retry"),
    ("POST", "/v1/datasets/{}/documents/{}/cancel"),
)
MOVED = "shared words of the new guide"


@pytest.fixture
def product(tmp_path: Path, database: Database) -> Iterator[Product]:
    """A whole Zhiku over each of the two engines."""
    with open_product(tmp_path / "data", database) as opened:
        yield opened


class Case:
    """A dataset with one document of forty lines, waiting."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.dataset_id = product.create_dataset(indexing_technique="high_quality")
        made = product.add_text(self.dataset_id, "guide", "\n".join(LINES), process_rule=by_line())
        self.batch, self.id = made["batch"], made["document"]["id"]

    def act(self, action: str) -> Response:
        return self.product.api.post(f"/v1/datasets/{self.dataset_id}/documents/{self.id}/{action}")

    def done(self, action: str) -> dict[str, Any]:
        body = got(self.act(action))
        assert (body["batch"], body["document"]["id"]) == (self.batch, self.id)
        return body["document"]

    def pause(self) -> None:
        self.done("pause")

    def cancel(self) -> None:
        self.done("cancel")

    def shown(self) -> tuple[str, str]:
        detail = got(self.product.api.get(f"/v1/datasets/{self.dataset_id}/documents/{self.id}"))
        return detail["indexing_status"], detail["display_status"]

    def progress(self) -> dict[str, Any]:
        return self.product.status(self.dataset_id, self.batch)

    def answers(self) -> list[str]:
        records = self.product.retrieve(self.dataset_id, "shared", "keyword_search", top_k=3)
        return [record["segment"]["content"] for record in records]

    def update(self, text: str) -> None:
        path = f"/v1/datasets/{self.dataset_id}/documents/{self.id}/update-by-text"
        got(self.product.api.post(path, json={"text": text}))

    def complete(self) -> "Case":
        self.product.settle()
        assert self.shown() == ("completed", "available")
        return self

    def fail(self) -> "Case":
        self.product.embedder.failure = "The provider is away."
        for _ in range(self.product.rt.settings.job_attempts):
            with self.product.rt.db.begin() as tx:
                tx.execute(jobs.update().values(run_at=0.0))
            self.product.settle()
        self.product.embedder.failure = None
        assert self.shown() == ("error", "error")
        return self


@pytest.fixture
def case(product: Product) -> Case:
    return Case(product)


def test_a_waiting_document_that_is_paused_is_not_worked_until_it_is_resumed(case: Case) -> None:
    assert case.done("pause")["display_status"] == "paused"
    case.product.settle()
    assert case.shown() == ("waiting", "paused")
    assert (case.progress()["indexing_status"], case.progress()["paused_at"] is not None) == ("paused", True)
    assert case.answers() == []
    assert case.done("resume")["display_status"] == "queuing"
    assert (case.progress()["indexing_status"], case.progress()["paused_at"]) == ("waiting", None)
    case.complete()
    assert len(case.answers()) == 3


def test_a_pause_in_the_middle_keeps_what_was_reached_and_resuming_goes_on_behind_it(case: Case) -> None:
    embedder = case.product.embedder

    def pause_at_the_second_batch() -> None:
        if len(embedder.embedded) == 32:
            case.done("pause")

    with while_embedding(case.product, pause_at_the_second_batch):
        case.product.settle()
        assert len(embedder.embedded) == 32
    assert case.shown() == ("indexing", "paused")
    progress = case.progress()
    assert (progress["indexing_status"], progress["total_segments"], progress["completed_segments"]) == (
        "paused",
        40,
        0,
    )
    case.done("resume")
    embedder.embedded.clear()
    case.complete()
    # The batch that was under way is embedded again; what was kept before it is not.
    assert embedder.embedded == LINES[16:]


def test_pausing_and_resuming_often_is_no_failure_of_the_work(case: Case) -> None:
    for _ in range(4 * case.product.rt.settings.job_attempts):
        with while_embedding(case.product, case.pause):
            case.product.settle()
        case.done("resume")
    case.complete()


def test_an_updated_document_answers_with_its_last_content_while_it_is_paused(case: Case) -> None:
    case.complete().update(MOVED)
    case.done("pause")
    case.product.settle()
    assert set(case.answers()) <= set(LINES)
    case.done("resume")
    case.complete()
    assert case.answers() == [MOVED]


def test_a_paused_document_can_be_found_by_its_status_and_deleted(case: Case) -> None:
    with while_embedding(case.product, case.pause):
        case.product.settle()
    path = f"/v1/datasets/{case.dataset_id}/documents"
    assert [row["id"] for row in got(case.product.api.get(path, params={"status": "paused"}))["data"]] == [case.id]
    assert case.product.api.delete(f"{path}/{case.id}").status_code == 204
    case.product.settle()
    with case.product.rt.db.read() as conn:
        assert conn.execute(select(jobs.c.kind, jobs.c.state)).all() == []


def test_a_new_upload_of_the_same_name_takes_the_place_of_paused_work(case: Case) -> None:
    case.done("pause")
    case.batch = case.product.add_text(case.dataset_id, "guide", MOVED)["batch"]
    case.complete()
    assert case.answers() == [MOVED]
    with case.product.rt.db.read() as conn:
        assert conn.execute(select(jobs.c.kind, jobs.c.state)).all() == []


def test_a_cancelled_document_is_in_error_and_says_cancelled(case: Case) -> None:
    cancelled = case.done("cancel")
    assert (cancelled["indexing_status"], cancelled["error"]) == ("error", "Cancelled.")
    assert run_jobs(case.product.rt, case.product.handlers) == 0
    progress = case.progress()
    assert (progress["indexing_status"], progress["error"]) == ("error", "Cancelled.")
    assert progress["stopped_at"] is not None
    assert case.answers() == []


def test_work_that_is_cancelled_in_the_middle_ends_and_writes_nothing_more(case: Case) -> None:
    with while_embedding(case.product, case.cancel):
        case.product.settle()
        assert len(case.product.embedder.embedded) == 16
    assert case.shown() == ("error", "error")
    assert case.progress()["completed_segments"] == 0


def test_work_that_is_cancelled_when_a_worker_has_just_taken_it_is_never_shown_again(case: Case) -> None:
    rt, handlers = case.product.rt, case.product.handlers
    made = case.product.add_file(case.dataset_id, "owls.txt", b"Owls hunt at night.")
    case.cancel()
    job = queue.claim(rt.db, rt.clock, "test", 30.0, handlers)
    assert job is not None
    case.batch, case.id = made["batch"], made["document"]["id"]
    case.cancel()
    with pytest.raises(LeaseLost):
        handlers[job.kind].run(rt, JobContext(job, Event()), job.payload)
    assert case.shown() == ("error", "error")


def test_a_cancelled_update_leaves_the_last_content_answering(case: Case) -> None:
    case.complete().update(MOVED)
    with while_embedding(case.product, case.cancel):
        case.product.settle()
    assert case.shown() == ("error", "error")
    assert set(case.answers()) <= set(LINES)
    assert len(case.answers()) == 3


def test_a_paused_document_can_be_cancelled(case: Case) -> None:
    case.done("pause")
    assert case.done("cancel")["display_status"] == "error"
    assert case.progress()["paused_at"] is None


def test_a_failed_document_is_worked_again_from_its_stored_source(case: Case) -> None:
    case.fail()
    assert (case.done("retry")["indexing_status"], case.progress()["error"]) == ("waiting", None)
    case.complete()
    assert len(case.answers()) == 3


def test_a_cancelled_document_can_be_retried(case: Case) -> None:
    case.done("cancel")
    case.done("retry")
    case.complete()


def test_a_failed_update_is_retried_with_the_new_content_and_the_old_answers_until_then(case: Case) -> None:
    case.complete().update(MOVED)
    case.fail()
    assert set(case.answers()) <= set(LINES)
    case.done("retry")
    assert set(case.answers()) <= set(LINES)
    case.complete()
    assert case.answers() == [MOVED]


@pytest.mark.parametrize(("before", "action"), [("pause", "pause"), ("cancel", "cancel")])
def test_asking_twice_is_as_asking_once(case: Case, before: str, action: str) -> None:
    assert case.done(before) == case.done(action)


def test_resuming_what_is_not_paused_and_retrying_what_is_queued_change_nothing(case: Case) -> None:
    assert case.done("resume")["display_status"] == "queuing"
    assert case.done("retry")["display_status"] == "queuing"
    with case.product.rt.db.read() as conn:
        assert len(conn.execute(select(jobs.c.number)).all()) == 1


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_finished_work_cannot_be_paused_resumed_or_cancelled(case: Case, action: str) -> None:
    case.complete()
    message = f"Document: guide is not being indexed, so there is nothing to {action}."
    assert refusal(case.act(action)) == (400, "invalid_action", message)
    assert case.shown() == ("completed", "available")


def test_a_document_that_has_not_failed_cannot_be_retried(case: Case) -> None:
    case.complete()
    message = "Document: guide has not failed, so there is nothing to retry."
    assert refusal(case.act("retry")) == (400, "invalid_action", message)


def test_a_paused_document_is_resumed_and_not_retried(case: Case) -> None:
    case.done("pause")
    assert refusal(case.act("retry"))[:2] == (400, "invalid_action")


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_what_is_being_taken_into_the_index_can_no_longer_be_stopped(case: Case, action: str) -> None:
    run_jobs(case.product.rt, case.product.handlers)
    status, code, message = refusal(case.act(action))
    assert (status, code) == (400, "invalid_action")
    assert "the last step" in message
    case.complete()


def test_an_archived_documents_work_is_left_alone(case: Case) -> None:
    case.done("cancel")
    path = f"/v1/datasets/{case.dataset_id}/documents/status/archive"
    got(case.product.api.patch(path, json={"document_ids": [case.id]}))
    assert refusal(case.act("retry"))[:2] == (403, "archived_document_immutable")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_document_that_does_not_exist_cannot_be_acted_on(case: Case, method: str, path: str) -> None:
    reply = case.product.api.request(method, path.format(case.dataset_id, UNKNOWN))
    assert refusal(reply) == (404, "not_found", "Document not found.")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_key_that_may_only_read_stops_nothing(case: Case, method: str, path: str) -> None:
    reader = got(case.product.api.post("/v1/keys", json={"name": "reader", "role": "read"}))["key"]
    headers = {"Authorization": f"Bearer {reader}"}
    reply = case.product.anonymous.request(method, path.format(case.dataset_id, case.id), headers=headers)
    assert refusal(reply)[:2] == (403, "forbidden")
