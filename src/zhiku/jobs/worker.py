"""The loop that runs jobs: claim, call the handler, retry with backoff, give up with a message for people."""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec
import structlog

from zhiku.clock import Clock
from zhiku.db.engine import Connection, Database
from zhiku.errors import DocumentUnreadable, ModelCallFailed, StorageFull, Unavailable, ZhikuError
from zhiku.jobs import queue
from zhiku.jobs.queue import Job, LeaseLost
from zhiku.settings import Settings

POLL_SECONDS = 1.0
"""How long a lost wake-up can hold work back."""

CLAIMS_PER_ATTEMPT = 3
"""A job may be claimed this often per allowed attempt; beyond that it is taken for what kills its workers."""

EXPECTED = (ZhikuError, ModelCallFailed, DocumentUnreadable)
"""Failures whose message is written for people; any other one is a fault of the program."""

log = structlog.get_logger(__name__)


class JobHandedBack(Exception):
    """The worker is stopping: leave the handler, the job goes on elsewhere from its checkpoint."""


class JobContext:
    """What a handler holds while it runs a job: the right to write for it, and where it resumes."""

    def __init__(self, job: Job, stop: threading.Event) -> None:
        self.job = job
        self._stop = stop
        self._is_lost = threading.Event()
        self.is_finished = False

    @property
    def checkpoint_data(self) -> Any:
        """Return what the last checkpoint stored, decoded from JSON; None at the first run."""
        stored = self.job.checkpoint_json
        return None if stored is None else msgspec.json.decode(stored)

    @property
    def is_stopping(self) -> bool:
        """Tell whether the worker was asked to stop or the job was lost."""
        return self._stop.is_set() or self._is_lost.is_set()

    def check(self) -> None:
        """Return if the handler may go on. Raises JobHandedBack or LeaseLost; call it between two steps."""
        if self._is_lost.is_set():
            raise LeaseLost
        if self._stop.is_set():
            raise JobHandedBack

    def checkpoint(self, tx: Connection, data: Any) -> None:
        """Remember in the step's transaction that it is done. Raises LeaseLost."""
        queue.checkpoint(tx, self.job, data)

    def finish(self, tx: Connection) -> None:
        """End the job in the last step's transaction, which must be the handler's last. Raises LeaseLost."""
        queue.finish(tx, self.job)
        self.is_finished = True

    def mark_lost(self) -> None:
        """Remember that the lease is gone; the handler meets it at its next check."""
        self._is_lost.set()


class Parts(Protocol):
    """What the worker itself needs of a `Runtime`; the module lies below it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def db(self) -> Database: ...


RuntimeT = TypeVar("RuntimeT", bound=Parts)
RuntimeIn_contra = TypeVar("RuntimeIn_contra", bound=Parts, contravariant=True)


class JobHandler(Protocol[RuntimeIn_contra]):
    """What runs the jobs of one kind."""

    def run(self, rt: RuntimeIn_contra, context: JobContext, job: Any) -> None:
        """Do the work of the payload `job`; returning ends it. Any exception is retried with backoff.

        Write only in transactions that call `context.checkpoint` or `context.finish`.
        """
        ...

    def give_up(self, rt: RuntimeIn_contra, context: JobContext, job: Any, message: str) -> None:
        """Leave a final error where people see it; `context.finish` in the same transaction makes it atomic."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker's loop behaves.

    `owner` names the worker in its leases. After `idle_seconds` without any job it returns; None for never.
    `wait` sleeps up to the given seconds and returns earlier when work may have come.
    """

    owner: str
    idle_seconds: float | None
    wait: Callable[[float], object]


def run_worker(
    rt: RuntimeT, handlers: Mapping[str, JobHandler[RuntimeT]], stop: threading.Event, options: WorkerOptions
) -> None:
    """Run jobs in the calling thread until `stop` is set or there was no job for long enough.

    `handlers` are found by kind, see `kinds.get_kind`; jobs of other kinds are left to others.
    A job that runs when `stop` is set is handed back at its next check.
    """
    heart = _Heart(rt.db, rt.clock, rt.settings.job_lease_seconds)
    heart.start()
    idle_since = rt.clock.monotonic()
    try:
        while not stop.is_set():
            context = _claim_next(rt, handlers, stop, options.owner)
            if context is not None:
                heart.beat_for(context)
                _run_job(rt, handlers[context.job.kind], context)
                heart.beat_for(None)
                idle_since = rt.clock.monotonic()
                continue
            next_at = _find_next_at(rt)
            if next_at is not None and next_at <= rt.clock.now() + queue.SOON_SECONDS:
                idle_since = rt.clock.monotonic()
            elif options.idle_seconds is not None and rt.clock.monotonic() - idle_since >= options.idle_seconds:
                return
            options.wait(_bound_pause(rt.clock, next_at))
    finally:
        heart.stop()


def run_jobs(rt: RuntimeT, handlers: Mapping[str, JobHandler[RuntimeT]]) -> int:
    """Run every job that is due, in the calling thread and without a heartbeat; return how many. For tests."""
    stop = threading.Event()
    count = 0
    while (job := queue.claim(rt.db, rt.clock, "run_jobs", rt.settings.job_lease_seconds, handlers)) is not None:
        _run_job(rt, handlers[job.kind], JobContext(job, stop))
        count += 1
    return count


def _claim_next(
    rt: RuntimeT, handlers: Mapping[str, JobHandler[RuntimeT]], stop: threading.Event, owner: str
) -> JobContext | None:
    try:
        job = queue.claim(rt.db, rt.clock, owner, rt.settings.job_lease_seconds, handlers)
    except (Unavailable, StorageFull) as error:
        log.warning("claiming a job failed", error=str(error))
        return None
    return None if job is None else JobContext(job, stop)


def _find_next_at(rt: Parts) -> float | None:
    try:
        with rt.db.read() as conn:
            return queue.find_next_at(conn)
    except Unavailable:
        # Whoever cannot look does not know that there is nothing to do.
        return rt.clock.now() + POLL_SECONDS


def _bound_pause(clock: Clock, next_at: float | None) -> float:
    if next_at is None:
        return POLL_SECONDS
    # A due job that could not be claimed waits for another one of its subject: no spinning until that ends.
    return min(POLL_SECONDS, max(0.05, next_at - clock.now()))


def _run_job(rt: RuntimeT, handler: JobHandler[RuntimeT], context: JobContext) -> None:
    job = context.job
    try:
        if _was_tried_enough(rt, job):
            _give_up(rt, handler, context, _describe_interruptions(job))
            return
        handler.run(rt, context, job.payload)
        if not context.is_finished:
            with rt.db.begin() as tx:
                context.finish(tx)
    except LeaseLost:
        log.info("job superseded", job=job.number, kind=job.kind, subject=job.subject)
    except JobHandedBack:
        _write(rt, job, lambda tx: queue.release(tx, job))
    except EXPECTED as error:
        log.warning("job failed", job=job.number, kind=job.kind, subject=job.subject, error=str(error))
        _settle_failure(rt, handler, context, error)
    except Exception as error:
        log.exception("job failed", job=job.number, kind=job.kind, subject=job.subject)
        _settle_failure(rt, handler, context, error)


def _settle_failure(rt: RuntimeT, handler: JobHandler[RuntimeT], context: JobContext, error: Exception) -> None:
    job = context.job
    # A full disk or a catalog that is away says nothing about this job; the next try may well succeed.
    is_to_blame = not isinstance(error, Unavailable | StorageFull)
    failures = job.attempts + is_to_blame
    message = _describe(error, failures)
    is_last = isinstance(error, DocumentUnreadable) or failures >= rt.settings.job_attempts
    if is_to_blame and is_last:
        try:
            _give_up(rt, handler, context, message)
            return
        except LeaseLost:
            return
        except Exception:
            log.exception("giving up failed", job=job.number, kind=job.kind, subject=job.subject)
    retry_at = rt.clock.now() + queue.compute_backoff(max(failures, 1), random.random())
    _write(rt, job, lambda tx: queue.retry(tx, job, message, retry_at, is_counted=is_to_blame))


def _give_up(rt: RuntimeT, handler: JobHandler[RuntimeT], context: JobContext, message: str) -> None:
    handler.give_up(rt, context, context.job.payload, message)
    if not context.is_finished:
        with rt.db.begin() as tx:
            queue.fail(tx, context.job, message)


def _write(rt: Parts, job: Job, change: Callable[[Connection], None]) -> None:
    """Write about a job's end; if that fails, the end of the lease brings the job back all the same."""
    try:
        with rt.db.begin() as tx:
            change(tx)
    except LeaseLost:
        log.info("job superseded", job=job.number, kind=job.kind, subject=job.subject)
    except (Unavailable, StorageFull) as error:
        log.warning("job left to its lease", job=job.number, kind=job.kind, error=str(error))


def _was_tried_enough(rt: Parts, job: Job) -> bool:
    limit = rt.settings.job_attempts
    return job.attempts >= limit or job.fence > limit * CLAIMS_PER_ATTEMPT


def _describe(error: Exception, failures: int) -> str:
    if isinstance(error, EXPECTED):
        return str(error)
    return (
        f"An internal error occurred ({type(error).__name__}); it was tried {failures} times. "
        "The server's log has the details."
    )


def _describe_interruptions(job: Job) -> str:
    return (
        f"Processing was interrupted {job.fence - 1} times without ever coming to an end. "
        "The file may need more memory than the server has; split it into smaller files."
    )


class _Heart(threading.Thread):
    """Renews the lease of the job being run, three times in its length."""

    def __init__(self, db: Database, clock: Clock, lease_seconds: float) -> None:
        super().__init__(name="zhiku-heartbeat", daemon=True)
        self._db = db
        self._clock = clock
        self._interval = lease_seconds / 3
        self._context: JobContext | None = None
        self._is_over = threading.Event()

    def beat_for(self, context: JobContext | None) -> None:
        """Keep this job's lease from now on, or none."""
        self._context = context

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._is_over.set()
        self.join()

    def run(self) -> None:
        while not self._is_over.wait(self._interval):
            context = self._context
            if context is None:
                continue
            try:
                with self._db.begin() as tx:
                    is_held = queue.heartbeat(tx, self._clock, context.job)
            except Exception:
                log.exception("heartbeat failed", job=context.job.number)
                continue
            if not is_held:
                context.mark_lost()
