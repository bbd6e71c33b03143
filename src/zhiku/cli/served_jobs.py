"""Jobs that need the index, run by a thread of the process that owns it."""

import os
import threading

from zhiku.bootstrap import make_served_handlers
from zhiku.errors import Unavailable
from zhiku.jobs import queue
from zhiku.jobs.worker import WorkerOptions, run_worker
from zhiku.runtime import Runtime

OWNER_PREFIX = "server:"
# How long a hint that came too early can hold a job back; looking is one read.
POLL_SECONDS = 5.0


class ServedJobs:
    """Runs them one after the other; without any it only looks from time to time."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._wake = threading.Event()

    def wake(self) -> None:
        """Look for jobs now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Take back what the last server left, then run what comes until `stop` is set."""
        with self._rt.db.begin() as tx:
            queue.release_owner(tx, self._rt.clock, OWNER_PREFIX)
        options = WorkerOptions(owner=f"{OWNER_PREFIX}{os.getpid()}", idle_seconds=0.0, wait=self._wait)
        while not stop.is_set():
            if self._has_jobs():
                run_worker(self._rt, make_served_handlers(), stop, options)
            self._wait(POLL_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _has_jobs(self) -> bool:
        try:
            with self._rt.db.read() as conn:
                return queue.has_served_jobs(conn)
        except Unavailable:
            return False
