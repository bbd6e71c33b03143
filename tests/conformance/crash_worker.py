"""A worker process for the crash tests, run by name: every step of a job writes one row with its checkpoint."""

import os
import sys
import threading

from sqlalchemy import text

from tests.unit.jobs.parts import WorkerParts
from zhiku.clock import SystemClock
from zhiku.db.engine import Database
from zhiku.jobs.kinds import IngestDocument
from zhiku.jobs.worker import JobContext, WorkerOptions, run_jobs, run_worker
from zhiku.settings import Settings

LEASE_SECONDS = 1.0
IDLE_SECONDS = 0.1
STEPS = 6

WRITE_STEP = text("INSERT INTO steps (job, fence, step, worker) VALUES (:job, :fence, :step, :worker)")


class Stepper:
    """Does a job in steps; the worker that is told to hang says so before a step and waits to be killed."""

    def __init__(self, hang_before: int | None) -> None:
        self._hang_before = hang_before

    def run(self, rt: WorkerParts, context: JobContext, job: IngestDocument) -> None:
        """Write the steps behind the checkpoint, each with its checkpoint in one transaction."""
        for step in range((context.checkpoint_data or 0) + 1, STEPS + 1):
            with rt.db.begin() as tx:
                values = {"job": context.job.number, "fence": context.job.fence, "step": step, "worker": os.getpid()}
                tx.execute(WRITE_STEP, values)
                context.checkpoint(tx, step)
            if step + 1 == self._hang_before:
                sys.stdout.write("hanging\n")
                sys.stdout.flush()
                # Until a line comes, or for ever.
                sys.stdin.readline()

    def give_up(self, rt: WorkerParts, context: JobContext, job: IngestDocument, message: str) -> None:
        """Say so; no test expects it."""
        sys.stderr.write(f"gave up: {message}\n")


def main(url: str, manner: str, hang_before: int | None) -> None:
    """Work until there was nothing to do for a moment; a worker of the manner `pulseless` has no heartbeat."""
    settings = Settings(job_lease_seconds=LEASE_SECONDS)
    rt = WorkerParts(settings, SystemClock(), Database(url))
    handlers = {"ingest_document": Stepper(hang_before)}
    if manner == "pulseless":
        run_jobs(rt, handlers)
        return
    options = WorkerOptions(f"w{os.getpid()}", IDLE_SECONDS, lambda _seconds: threading.Event().wait(0.02))
    run_worker(rt, handlers, threading.Event(), options)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
