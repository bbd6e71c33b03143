"""Keeps one worker process while there are jobs: the serving process's side, and the worker's link to it.

The two share two pipes. Any byte on the worker's standard input means "look for jobs"; its end means that
the serving process is gone. A line `outbox` on the worker's standard output means "look at the outbox".
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from zhiku.errors import ZhikuError

OUTBOX_LINE = b"outbox\n"
WAKE_BYTE = b"\n"

LOOK_SECONDS = 30.0
"""How long jobs that nobody announced can wait for a worker."""

WAKE_PATIENCE_SECONDS = 0.05

AGAIN_SECONDS = 1.0
"""How long to wait before asking a catalog again that did not answer."""

RESTART_FIRST_SECONDS = 0.5
RESTART_MOST_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A worker that ran this long starts the count of crashes anew."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SupervisorHooks:
    """What the supervisor asks and tells; all are called from its own thread.

    `has_jobs` tells whether a worker has anything to do, now or soon. `on_outbox` says that the outbox may
    have rows. `on_exit` says that the worker is dead, so its leases can be handed back.
    """

    has_jobs: Callable[[], bool]
    on_outbox: Callable[[], None]
    on_exit: Callable[[], None]


class WorkerSupervisor:
    """Starts a worker when there are jobs, again when it crashed, and lets it leave when it is idle."""

    def __init__(self, argv: Sequence[str], hooks: SupervisorHooks) -> None:
        self._argv = list(argv)
        self._hooks = hooks
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._supervise, name="zhiku-supervisor", daemon=True)

    def start(self) -> None:
        """Begin to look for jobs; returns at once."""
        self._wanted.set()
        self._thread.start()

    def wake(self) -> None:
        """Say that jobs were committed; cheap, and never blocks for long."""
        self._wanted.set()
        # Whoever holds the guard starts, ends or stops a worker: one that begins looks for jobs by itself, and
        # after an end `_wanted` is looked at. Without the guard the pipe's number could be another file's by now.
        if not self._guard.acquire(timeout=WAKE_PATIENCE_SECONDS):
            return
        try:
            if self._child is not None and self._child.stdin is not None:
                os.write(self._child.stdin.fileno(), WAKE_BYTE)
        except OSError:
            # A full pipe has woken the worker already; a broken one is answered by the next start.
            return
        finally:
            self._guard.release()

    @property
    def worker_pid(self) -> int | None:
        """Return the worker's process id, None while there is none."""
        child = self._child
        return None if child is None else child.pid

    def stop(self, timeout: float) -> None:
        """Ask the worker to hand its job back and leave; kill it after `timeout` seconds."""
        with self._guard:
            self._stopping.set()
            if self._child is not None:
                self._child.terminate()
        self._wanted.set()
        if not self._thread.is_alive():
            return
        self._thread.join(timeout)
        if self._thread.is_alive():
            with self._guard:
                if self._child is not None:
                    self._child.kill()
            self._thread.join()

    def _supervise(self) -> None:
        crashes = 0
        while not self._stopping.is_set():
            self._wanted.wait(LOOK_SECONDS)
            self._wanted.clear()
            if not self._has_jobs():
                continue
            started_at = time.monotonic()
            code = self._run_child()
            self._note_exit()
            # Whatever came while it was leaving needs a look now.
            self._wanted.set()
            if self._stopping.is_set() or code == 0:
                crashes = 0
                continue
            crashes = 1 if time.monotonic() - started_at > STEADY_SECONDS else crashes + 1
            pause = min(RESTART_MOST_SECONDS, RESTART_FIRST_SECONDS * 2 ** (crashes - 1))
            log.warning("worker crashed", code=code, crashes=crashes, restart_seconds=pause)
            self._stopping.wait(pause)

    def _has_jobs(self) -> bool:
        try:
            return self._hooks.has_jobs()
        except ZhikuError as error:
            # A catalog that is away now is asked again soon: this thread must outlive it.
            log.warning("looking for jobs failed", error=str(error))
            self._stopping.wait(AGAIN_SECONDS)
            self._wanted.set()
            return False

    def _note_exit(self) -> None:
        try:
            self._hooks.on_exit()
        except ZhikuError as error:
            log.warning("handing back leases failed; they run out by themselves", error=str(error))

    def _run_child(self) -> int:
        """Return the worker's exit code, or -1 if it could not be started."""
        with self._guard:
            if self._stopping.is_set():
                return 0
            try:
                child = subprocess.Popen(self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True)
            except OSError as error:
                log.warning("starting a worker failed", error=str(error))
                return -1
            if child.stdin is None or child.stdout is None:
                raise RuntimeError("the worker has no pipes")
            os.set_blocking(child.stdin.fileno(), False)
            self._child = child
        try:
            self._listen(child, child.stdout.fileno())
            return child.wait()
        finally:
            with self._guard:
                self._child = None
                child.stdin.close()
                child.stdout.close()

    def _listen(self, child: subprocess.Popen[bytes], output: int) -> None:
        """Pass the worker's lines on until it ends. A child of its own may keep the pipe open: hence the poll."""
        while True:
            is_readable, _, _ = select.select([output], [], [], 1.0)
            if is_readable:
                said = os.read(output, 65536)
                if not said:
                    return
                if OUTBOX_LINE.strip() in said:
                    self._hooks.on_outbox()
            elif child.poll() is not None:
                return


class ParentLink:
    """The worker's side: takes standard input and output for itself, so that nothing else can speak there.

    What the process prints from then on goes to standard error. `on_close` is called from another thread
    when the serving process is gone.
    """

    def __init__(self, on_close: Callable[[], None]) -> None:
        self._on_close = on_close
        self._input = os.dup(0)
        self._output = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._is_awake = threading.Event()
        self._is_closed = threading.Event()
        threading.Thread(target=self._listen, name="zhiku-parent-link", daemon=True).start()

    @property
    def closed(self) -> bool:
        """Tell whether the serving process is gone."""
        return self._is_closed.is_set()

    def wait(self, timeout: float) -> bool:
        """Sleep until the serving process calls or is gone, at most `timeout` seconds; return whether it called."""
        was_called = self._is_awake.wait(timeout)
        self._is_awake.clear()
        return was_called

    def say_outbox(self) -> None:
        """Tell the serving process that the outbox has rows; nothing happens if it is gone."""
        try:
            os.write(self._output, OUTBOX_LINE)
        except OSError:
            return

    def _listen(self) -> None:
        while os.read(self._input, 4096):
            self._is_awake.set()
        self._is_closed.set()
        self._on_close()
        self._is_awake.set()


def lower_priority() -> None:
    """Let this process run only when nothing else wants the processor, as far as the system allows."""
    if sys.platform == "linux":
        try:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
        except OSError as error:
            log.info("idle scheduling refused", error=str(error))
    os.nice(10)


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM; ignore SIGINT, which a terminal sends to the serving process too."""
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
