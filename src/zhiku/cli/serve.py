"""`zhiku serve`: the web server, the index's owner and the supervisor of the worker, in one process."""

import fcntl
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import structlog
import uvicorn

from zhiku.access.service import ensure_first_key, ensure_workspace
from zhiku.bootstrap import make_runtime, open_index, prepare_builtin_model
from zhiku.cli.served_jobs import ServedJobs
from zhiku.cli.welcome import Welcome
from zhiku.cli.work import OWNER_PREFIX
from zhiku.db.migrations import CatalogTooNew, migrate
from zhiku.documents import work_store
from zhiku.documents.versions import purge_surplus
from zhiku.errors import ModelCallFailed, ProviderNotInitialize, ZhikuError
from zhiku.indexes import outbox
from zhiku.ingestion.apply import Applier
from zhiku.ingestion.keeper import IndexKeeper
from zhiku.jobs import queue
from zhiku.jobs.supervisor import SupervisorHooks, WorkerSupervisor
from zhiku.log import set_up_log
from zhiku.providers.catalog import BUILTIN_EMBEDDING
from zhiku.runtime import Runtime, Wakeups
from zhiku.server import create_app
from zhiku.settings import Settings

# Requests in flight get this long at SIGTERM; with the worker's time it stays under 15 s.
REQUEST_SECONDS = 8
WORKER_SECONDS = 5.0
FLUSH_SECONDS = 30.0
# The applier and the event loop share one interpreter: short turns keep a query's wait short.
SWITCH_SECONDS = 0.0005

log = structlog.get_logger(__name__)


def run_server(settings: Settings, *, is_sample_wanted: bool) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    set_up_log()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        refuse_unserved(settings)
        with lock_data_dir(settings.data_dir), bind(settings) as listener:
            return _serve(settings, listener, is_sample_wanted=is_sample_wanted)
    except (CannotStart, ProviderNotInitialize) as error:
        reason = str(error)
    except (ZhikuError, CatalogTooNew) as error:
        reason = f"the catalog at {settings.database_shown}: {error}"
    print(f"Zhiku cannot start: {reason}", file=sys.stderr)
    return 1


class CannotStart(Exception):
    """The server cannot be started as it is set; the message says what to change."""


def refuse_unserved(settings: Settings) -> None:
    """Raise CannotStart for settings that ask for what this version does not have."""
    for name, value in (("ZHIKU_INDEX_URL", settings.index_url), ("ZHIKU_BLOBS_URL", settings.blobs_url)):
        if value is not None:
            raise CannotStart(f"{name} is set, and this version keeps index and files under the data dir. Unset it.")


def bind(settings: Settings) -> socket.socket:
    """Return the socket to listen on, taken before anything is written. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"port {settings.port} of {settings.host} cannot be used ({error.strerror}). "
            "Stop what uses it, or choose another with --port."
        ) from error
    return listener


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Return an open file that keeps other servers off the data dir until it is closed. Raises CannotStart."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise CannotStart(
            f"the data dir {data_dir} cannot be written ({error.strerror}). Choose another with --data-dir."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise CannotStart(
            f"another Zhiku (process {owner}) already serves {data_dir}. Stop it, or choose another --data-dir."
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


class Backstage:
    """The threads behind the web server: applier, hit counts, flushing and the worker's supervisor."""

    def __init__(self, settings: Settings) -> None:
        self._stop = threading.Event()
        self._wake_outbox = threading.Event()
        self.index = open_index(settings)
        wakeups = Wakeups(jobs=self._wake_worker, outbox=self._wake_outbox.set, applied=self._wait_applied)
        self.rt = make_runtime(settings, wakeups, index=self.index)
        self.applier = Applier(self.rt, self.index, self._note_applied, self._request_rebuild)
        self.keeper = IndexKeeper(self.rt, self.index, self.applier, settings.index_dir)
        hooks = SupervisorHooks(self._has_jobs, self._wake_outbox.set, self._release_leases)
        argv = [sys.executable, "-m", "zhiku", "worker", "--data-dir", str(settings.data_dir)]
        self.supervisor = WorkerSupervisor(argv, hooks)
        self.served_jobs = ServedJobs(self.rt)
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to work on what the last run left, and on what comes."""
        self._release_leases()
        self._spawn("zhiku-applier", lambda: self.applier.run(self._stop, self._wake_outbox))
        self._spawn("zhiku-keeper", lambda: self.keeper.run(self._stop))
        self._spawn("zhiku-served-jobs", lambda: self.served_jobs.run(self._stop))
        self._spawn("zhiku-hits", lambda: self.rt.hits.run(self._stop))
        self._spawn("zhiku-flush", self._flush_regularly)
        if self.rt.models.default_embedding() == BUILTIN_EMBEDDING:
            self._spawn("zhiku-model", self._prepare_model)
        self.supervisor.start()

    def stop(self) -> None:
        """Hand jobs back, write what waits in memory, and let go of every file."""
        self.supervisor.stop(WORKER_SECONDS)
        self._stop.set()
        self._wake_outbox.set()
        self.served_jobs.wake()
        for thread in self._threads:
            thread.join()
        self.rt.hits.flush()
        self.rt.key_uses.flush()
        self.index.close()
        self.rt.models.close()
        self.rt.db.close()

    def _spawn(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _wait_applied(self, dataset_id: str, sequence: int) -> bool:
        return self.applier.wait_applied(dataset_id, sequence)

    def _note_applied(self, dataset_id: str) -> None:
        self.keeper.note_applied(dataset_id)

    def _request_rebuild(self, dataset_id: str) -> None:
        self.keeper.request(dataset_id)

    def _wake_worker(self) -> None:
        self.supervisor.wake()
        self.served_jobs.wake()

    def _has_jobs(self) -> bool:
        with self.rt.db.read() as conn:
            return queue.has_jobs_soon(conn, self.rt.clock)

    def _release_leases(self) -> None:
        """Give back what a dead worker held; only one works on an embedded catalog."""
        with self.rt.db.begin() as tx:
            queue.release_owner(tx, self.rt.clock, OWNER_PREFIX)

    def _prepare_model(self) -> None:
        """Convert the model while requests are served already; at normal priority, unlike in the worker."""
        try:
            prepare_builtin_model(self.rt.settings)
        except ModelCallFailed as error:
            log.warning("model not prepared", error=str(error))

    def _flush_regularly(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.index.flush()
            self.rt.key_uses.flush()


def prepare_catalog(rt: Runtime) -> str | None:
    """Bring the catalog to this program's version and show interrupted work as waiting; return a new first key."""
    migrate(rt.db)
    ensure_workspace(rt)
    with rt.db.begin() as tx:
        work_store.reset_unfinished(tx)
        outbox.delete_all_marked(tx)
    purge_surplus(rt)
    return ensure_first_key(rt)


def _serve(settings: Settings, listener: socket.socket, *, is_sample_wanted: bool) -> int:
    backstage = Backstage(settings)
    new_key = prepare_catalog(backstage.rt)
    app = create_app(backstage.rt, checks=[backstage.keeper.why_not_ready])
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=REQUEST_SECONDS,
        timeout_keep_alive=75,
    )
    server = uvicorn.Server(config)
    # The web server stops on these and raises them again when it is done, which must not skip what comes after it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    backstage.start()
    welcome = Welcome(backstage.rt, new_key, is_sample_wanted=is_sample_wanted)
    welcome.start(lambda: server.started)
    try:
        server.run(sockets=[listener])
    finally:
        welcome.stop()
        backstage.stop()
    return 0 if server.started else 1
