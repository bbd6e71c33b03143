"""The worker's loop: what becomes of a job whose handler returns, fails, stalls or must stop."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.fake_clock import FakeClock
from tests.unit.jobs.parts import WorkerParts
from zhiku.clock import Clock, SystemClock
from zhiku.db.engine import Database
from zhiku.db.tables import jobs
from zhiku.errors import DocumentUnreadable, ModelCallFailed, StorageFull, Unavailable
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument
from zhiku.jobs.worker import JobContext, WorkerOptions, run_jobs, run_worker
from zhiku.settings import Settings

ATTEMPTS = 3


class Handler:
    """Runs what the test says and notes what it was told."""

    def __init__(self, action: Callable[[WorkerParts, JobContext], None] = lambda _rt, _context: None) -> None:
        self.action = action
        self.runs: list[str] = []
        self.messages: list[str] = []

    def run(self, rt: WorkerParts, context: JobContext, job: IngestDocument) -> None:
        self.runs.append(job.document_id)
        self.action(rt, context)

    def give_up(self, rt: WorkerParts, context: JobContext, job: IngestDocument, message: str) -> None:
        self.messages.append(message)


def test_a_job_whose_handler_returns_is_gone(sqlite_database: Database, clock: FakeClock) -> None:
    handler = Handler()
    add(sqlite_database, clock, "one", "two")
    assert run_jobs(make_runtime(sqlite_database, clock), {"ingest_document": handler}) == 2
    assert handler.runs == ["one", "two"]
    assert read_jobs(sqlite_database) == []


def test_a_handler_may_finish_the_job_with_its_last_step(sqlite_database: Database, clock: FakeClock) -> None:
    def finish(rt: WorkerParts, context: JobContext) -> None:
        with rt.db.begin() as tx:
            context.finish(tx)

    add(sqlite_database, clock, "one")
    assert run_jobs(make_runtime(sqlite_database, clock), {"ingest_document": Handler(finish)}) == 1
    assert read_jobs(sqlite_database) == []


def test_a_failing_job_resumes_at_its_checkpoint_until_it_works(sqlite_database: Database, clock: FakeClock) -> None:
    seen: list[Any] = []

    def fail_twice(rt: WorkerParts, context: JobContext) -> None:
        seen.append(context.checkpoint_data)
        with rt.db.begin() as tx:
            context.checkpoint(tx, {"batch": len(seen)})
        if len(seen) < ATTEMPTS:
            raise ModelCallFailed("the model is away")

    add(sqlite_database, clock, "one")
    handler = Handler(fail_twice)
    drain(sqlite_database, clock, handler)
    assert seen == [None, {"batch": 1}, {"batch": 2}]
    assert handler.messages == []
    assert read_jobs(sqlite_database) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelCallFailed("embeddings at api.example said 500"), "embeddings at api.example said 500"),
        (KeyError("secret"), "An internal error occurred (KeyError); it was tried 3 times."),
    ],
)
def test_a_job_that_keeps_failing_ends_with_a_message(
    sqlite_database: Database, clock: FakeClock, error: Exception, message: str
) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler(raising(error))
    drain(sqlite_database, clock, handler)
    assert len(handler.runs) == ATTEMPTS
    assert [text.startswith(message) for text in handler.messages] == [True]
    assert [(row.state, row.error) for row in read_jobs(sqlite_database)] == [("failed", handler.messages[0])]
    assert "secret" not in handler.messages[0]


def test_an_unreadable_document_is_not_tried_again(sqlite_database: Database, clock: FakeClock) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler(raising(DocumentUnreadable("The file is encrypted. Upload it without a password.")))
    drain(sqlite_database, clock, handler)
    assert (len(handler.runs), handler.messages) == (1, ["The file is encrypted. Upload it without a password."])


@pytest.mark.parametrize("error", [StorageFull(), Unavailable()])
def test_a_sick_catalog_uses_up_no_attempts_but_does_not_go_on_for_ever(
    sqlite_database: Database, clock: FakeClock, error: Exception
) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler(raising(error))
    drain(sqlite_database, clock, handler)
    assert len(handler.runs) == ATTEMPTS * 3
    assert len(handler.messages) == 1


def test_a_job_that_kills_its_workers_ends_with_a_message(sqlite_database: Database, clock: FakeClock) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler()
    for _ in range(ATTEMPTS * 3):
        queue.claim(sqlite_database, clock, "w", 30, ["ingest_document"])
        clock.advance(30)
    drain(sqlite_database, clock, handler)
    assert handler.runs == []
    assert [message.startswith("Processing was interrupted 9 times") for message in handler.messages] == [True]


def test_a_give_up_that_fails_is_tried_again(sqlite_database: Database, clock: FakeClock) -> None:
    class Clumsy(Handler):
        def give_up(self, rt: WorkerParts, context: JobContext, job: IngestDocument, message: str) -> None:
            super().give_up(rt, context, job, message)
            if len(self.messages) == 1:
                raise KeyError("oops")

    add(sqlite_database, clock, "one")
    handler = Clumsy(raising(DocumentUnreadable("bad")))
    drain(sqlite_database, clock, handler)
    assert handler.messages == ["bad", "bad"]
    assert [row.state for row in read_jobs(sqlite_database)] == ["failed"]


def test_a_lost_job_is_left_to_its_new_worker(sqlite_database: Database, clock: FakeClock) -> None:
    def lose(rt: WorkerParts, context: JobContext) -> None:
        with rt.db.begin() as tx:
            queue.cancel_subject(tx, context.job.subject)
        with rt.db.begin() as tx:
            context.checkpoint(tx, 1)

    add(sqlite_database, clock, "one")
    handler = Handler(lose)
    drain(sqlite_database, clock, handler)
    assert (len(handler.runs), handler.messages, read_jobs(sqlite_database)) == (1, [], [])


def test_a_stopping_worker_hands_its_job_back_and_leaves(sqlite_database: Database, clock: FakeClock) -> None:
    stop = threading.Event()

    def work(rt: WorkerParts, context: JobContext) -> None:
        with rt.db.begin() as tx:
            context.checkpoint(tx, "half")
        context.check()
        stop.set()
        context.check()

    add(sqlite_database, clock, "one", "two")
    handler = Handler(work)
    run_worker(make_runtime(sqlite_database, clock), {"ingest_document": handler}, stop, options(None))
    assert handler.runs == ["one"]
    assert [(row.state, row.attempts, row.checkpoint_json) for row in read_jobs(sqlite_database)] == [
        ("waiting", 0, '"half"'),
        ("waiting", 0, None),
    ]


def test_an_idle_worker_leaves_after_its_time(sqlite_database: Database, clock: FakeClock) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    rt = make_runtime(sqlite_database, clock)
    run_worker(rt, {"ingest_document": handler}, threading.Event(), WorkerOptions("w", 10, wait))
    assert handler.runs == ["one"]
    assert sum(waits) == 10


def test_a_worker_stays_while_a_job_waits_for_its_retry(sqlite_database: Database, clock: FakeClock) -> None:
    add(sqlite_database, clock, "one")
    handler = Handler(raising(ModelCallFailed("away")))
    rt = make_runtime(sqlite_database, clock)
    run_worker(rt, {"ingest_document": handler}, threading.Event(), WorkerOptions("w", 1, clock.advance))
    assert len(handler.runs) == ATTEMPTS


def test_a_job_of_tomorrow_keeps_no_worker(sqlite_database: Database, clock: FakeClock) -> None:
    with sqlite_database.begin() as tx:
        queue.enqueue_later(tx, clock, IngestDocument("one", 1), 86_400, subject="document:one")
    handler = Handler()
    start = clock.now()
    rt = make_runtime(sqlite_database, clock)
    run_worker(rt, {"ingest_document": handler}, threading.Event(), WorkerOptions("w", 10, clock.advance))
    assert (handler.runs, clock.now() - start) == ([], 10)
    clock.advance(86_400 - queue.SOON_SECONDS)
    run_worker(rt, {"ingest_document": handler}, threading.Event(), WorkerOptions("w", 10, clock.advance))
    assert handler.runs == ["one"]


def test_a_long_job_keeps_its_lease_by_heartbeats(sqlite_database: Database) -> None:
    clock = SystemClock()
    stop = threading.Event()

    def outlast_the_lease(rt: WorkerParts, context: JobContext) -> None:
        first = read_jobs(sqlite_database)[0].lease_until
        while read_jobs(sqlite_database)[0].lease_until < first + 0.3:
            threading.Event().wait(0.01)
        stop.set()

    add(sqlite_database, clock, "one")
    rt = make_runtime(sqlite_database, clock, lease_seconds=0.3)
    run_worker(rt, {"ingest_document": Handler(outlast_the_lease)}, stop, options(None))
    assert read_jobs(sqlite_database) == []


def test_a_heartbeat_tells_the_handler_that_its_job_was_lost(sqlite_database: Database) -> None:
    clock = SystemClock()
    stop = threading.Event()

    def wait_to_be_told(rt: WorkerParts, context: JobContext) -> None:
        with rt.db.begin() as tx:
            queue.cancel_subject(tx, context.job.subject)
        while not context.is_stopping:
            threading.Event().wait(0.01)
        stop.set()
        context.check()

    add(sqlite_database, clock, "one")
    handler = Handler(wait_to_be_told)
    rt = make_runtime(sqlite_database, clock, lease_seconds=0.3)
    run_worker(rt, {"ingest_document": handler}, stop, options(None))
    assert (handler.runs, read_jobs(sqlite_database)) == (["one"], [])


def make_runtime(database: Database, clock: Clock, lease_seconds: float = 30) -> WorkerParts:
    return WorkerParts(Settings(job_attempts=ATTEMPTS, job_lease_seconds=lease_seconds), clock, database)


def options(idle_seconds: float | None) -> WorkerOptions:
    return WorkerOptions("w", idle_seconds, lambda _seconds: None)


def add(database: Database, clock: Clock, *names: str) -> None:
    with database.begin() as tx:
        for name in names:
            queue.enqueue(tx, clock, IngestDocument(name, 1), subject=f"document:{name}")


def drain(database: Database, clock: FakeClock, handler: Handler) -> None:
    """Run jobs until none waits, letting the delays pass."""
    rt = make_runtime(database, clock)
    while True:
        run_jobs(rt, {"ingest_document": handler})
        with database.read() as conn:
            next_at = queue.find_next_at(conn)
        if next_at is None:
            return
        clock.advance(max(0.0, next_at - clock.now()))


def raising(error: Exception) -> Callable[[WorkerParts, JobContext], None]:
    def act(_rt: WorkerParts, _context: JobContext) -> None:
        raise error

    return act


def read_jobs(database: Database) -> list[Any]:
    with database.read() as conn:
        return list(conn.execute(jobs.select().order_by(jobs.c.number)))
