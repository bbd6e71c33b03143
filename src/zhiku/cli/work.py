"""The worker child process of `zhiku serve`."""

import os
import threading

from zhiku.bootstrap import make_handlers, make_runtime, make_sandbox
from zhiku.jobs.supervisor import ParentLink, lower_priority, stop_on_signals
from zhiku.jobs.worker import WorkerOptions, run_worker
from zhiku.log import set_up_log
from zhiku.runtime import Wakeups
from zhiku.settings import Settings

OWNER_PREFIX = "local:"


def run_child_worker(settings: Settings) -> None:
    """Run jobs until idle, or until the serving process stops or is gone."""
    stop = threading.Event()
    stop_on_signals(stop)
    link = ParentLink(on_close=stop.set)
    set_up_log()
    lower_priority()
    rt = make_runtime(settings, Wakeups(jobs=_look_again, outbox=link.say_outbox, applied=_never_waits), index=None)
    options = WorkerOptions(
        owner=f"{OWNER_PREFIX}{os.getpid()}", idle_seconds=settings.worker_idle_seconds, wait=link.wait
    )
    with make_sandbox(settings) as sandbox:
        run_worker(rt, make_handlers(sandbox), stop, options)
    rt.models.close()
    rt.db.close()


def _look_again() -> None:
    """The loop looks for the next job by itself when this one is done."""


def _never_waits(_dataset_id: str, _sequence: int) -> bool:
    """Only requests wait for the index."""
    return False
