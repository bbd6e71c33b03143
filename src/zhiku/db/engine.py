"""The catalog's connections: reads and write transactions on SQLite or PostgreSQL, the only place that knows which."""

import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from zhiku.db.hot import HotRead
from zhiku.errors import StorageFull, Unavailable, ZhikuError

__all__ = ["Connection", "Database", "raise_translated"]

WAIT_SECONDS = 30.0
# Parameters are documents and hashes of keys: an error that is logged must not quote them.
SILENT = {"hide_parameters": True}
"""How long a write waits for the writers before it, and anything for a locked file or a free connection."""

READER_CACHE_KIB = 1024
READER_MAPPED_BYTES = 1 << 27
WRITER_CACHE_KIB = 4096
IDLE_READERS = 8
MINIMUM_SQLITE = (3, 35, 0)

# Result codes of sqlite3.h that mean the caller should come back later: busy, locked, read-only, input or
# output error, cannot open, protocol.
SQLITE_UNAVAILABLE = {5, 6, 8, 10, 14, 15}
SQLITE_FULL = 13
# The log's index cannot grow: on a full disk this comes before SQLITE_FULL does.
SQLITE_IOERR_SHMSIZE = 4874
# SQLSTATE classes: connection, insufficient resources, operator intervention; and single states:
# read-only, serialization failure, deadlock, lock not available.
POSTGRES_UNAVAILABLE_CLASSES = ("08", "53", "57")
POSTGRES_UNAVAILABLE = {"25006", "40001", "40P01", "55P03"}
POSTGRES_FULL = {"53100", "53400"}


class Database:
    """The catalog at a URL (`sqlite:///path` or `postgresql://...`). Safe to call from several threads.

    Whoever waits longer than `wait_seconds` for other writers or for a connection gets Unavailable.

    Raises Unavailable if the file cannot be opened; PostgreSQL is first reached by the first read or write.
    """

    def __init__(self, url: str, wait_seconds: float = WAIT_SECONDS) -> None:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        self._catalog = (_SqliteCatalog if is_sqlite else _PostgresCatalog)(parsed, wait_seconds)
        self.url = url

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._catalog.dialect

    @contextmanager
    def read(self) -> Generator[Connection]:
        """Yield a connection for reading: all its statements see one moment. Writing through it fails.

        Do not keep it while waiting for anything: an old read keeps SQLite's log from being folded in.
        Raises Unavailable.
        """
        with self._catalog.reader_turn() as connection:
            try:
                yield connection
            except DBAPIError as error:
                raise_translated(error)

    def fetch(self, hot: HotRead, values: dict[str, Any]) -> list[Any]:
        """Return the rows of one hot read; a statement by itself sees one moment and needs no transaction.

        Raises Unavailable.
        """
        try:
            return self._catalog.fetch(hot, values)
        except DBAPIError as error:
            raise_translated(error)
        except sqlite3.Error as error:
            raise_translated(DBAPIError(None, None, error))

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """Yield a connection in a write transaction; it is committed on success and rolled back on any exception.

        On SQLite one writer runs at a time and others wait in line, so keep it short and call nothing slow in
        it. A thread cannot open a second one inside the first. Raises StorageFull and Unavailable; nothing
        was changed then.
        """
        with self._catalog.writer_turn() as connection:
            try:
                with connection.begin():
                    yield connection
            except DBAPIError as error:
                raise_translated(error)

    def close(self) -> None:
        """Close every idle connection."""
        self._catalog.close()


def raise_translated(error: DBAPIError) -> NoReturn:
    """Raise StorageFull or Unavailable for what those mean, and `error` itself for anything else."""
    translated = Unavailable() if error.connection_invalidated else _translate(error.orig)
    if translated is None:
        raise error
    raise translated from error


def _translate(error: BaseException | None) -> ZhikuError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the primary result code; the rest says more exactly what happened.
        primary = int(code) & 0xFF
        if primary == SQLITE_FULL or code == SQLITE_IOERR_SHMSIZE:
            return StorageFull()
        return Unavailable() if primary in SQLITE_UNAVAILABLE else None
    state = getattr(error, "sqlstate", None)
    if state in POSTGRES_FULL:
        return StorageFull()
    if isinstance(state, str):
        is_unavailable = state in POSTGRES_UNAVAILABLE or state.startswith(POSTGRES_UNAVAILABLE_CLASSES)
        return Unavailable() if is_unavailable else None
    # psycopg says that nobody answers with an OperationalError that has no state.
    return Unavailable() if type(error).__name__ in ("OperationalError", "ConnectionTimeout") else None


class _SqliteCatalog:
    """One file, one writing connection, and as many kept reading connections as are used at once."""

    dialect = "sqlite"

    def __init__(self, url: URL, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise Unavailable(f"SQLite 3.35 or newer is needed; this Python has {sqlite3.sqlite_version}.")
        if not url.database or url.database == ":memory:":
            raise Unavailable("The catalog needs a file: sqlite:///path/to/catalog.sqlite3")
        self._path = Path(url.database)
        _make_private_folder(self._path.parent)
        options: dict[str, Any] = {"poolclass": NullPool, **SILENT}
        self._writer = create_engine("sqlite://", creator=self._connect_writer, **options)
        self._reader = create_engine("sqlite://", creator=self._connect_reader, **options)
        event.listen(self._writer, "begin", self._begin_immediate)
        # A kept connection costs 40 us less a read than SQLAlchemy's pool does; pop and append need no lock.
        self._idle_readers: list[Connection] = []
        self._turn = threading.Lock()
        self._turn_thread: int | None = None
        self._idle_writer: Connection | None = None
        self._idle_drivers: list[sqlite3.Connection] = []

    def fetch(self, hot: HotRead, values: dict[str, Any]) -> list[Any]:
        """Run the read on a bare connection: no transaction, and no SQLAlchemy on the way."""
        try:
            driver = self._idle_drivers.pop()
        except IndexError:
            driver = self._connect_reader()
        # After a failure the connection is left to the collector, which closes it.
        rows = hot.run(driver, values)
        self._idle_drivers.append(driver)
        return rows

    @contextmanager
    def reader_turn(self) -> Generator[Connection]:
        """Lend a kept connection with an open transaction, which SQLAlchemy does not hear of: half the cost."""
        try:
            connection = self._idle_readers.pop()
        except IndexError:
            connection = _connect(self._reader)
        driver = _driver_connection(connection)
        is_sound = False
        try:
            driver.execute("BEGIN")
            yield connection
            is_sound = True
        finally:
            driver.rollback()
            if is_sound and len(self._idle_readers) < IDLE_READERS:
                self._idle_readers.append(connection)
            else:
                connection.close()

    @contextmanager
    def writer_turn(self) -> Generator[Connection]:
        """Let the threads of this process write one after the other, so that none of them has to poll."""
        if self._turn_thread == threading.get_ident():
            raise RuntimeError("begin() inside begin(): pass the connection on instead")
        if not self._turn.acquire(timeout=self._wait_seconds):
            raise Unavailable()
        self._turn_thread = threading.get_ident()
        try:
            if self._idle_writer is None:
                self._idle_writer = _connect(self._writer)
            yield self._idle_writer
        finally:
            self._turn_thread = None
            self._turn.release()

    def close(self) -> None:
        while self._idle_readers:
            self._idle_readers.pop().close()
        while self._idle_drivers:
            self._idle_drivers.pop().close()
        with self._turn:
            if self._idle_writer is not None:
                self._idle_writer.close()
                self._idle_writer = None

    def _connect(self, cache_kib: int) -> sqlite3.Connection:
        # isolation_level None: the driver begins nothing by itself.
        connection = sqlite3.connect(
            self._path, timeout=self._wait_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        return connection

    def _connect_reader(self) -> sqlite3.Connection:
        connection = self._connect(READER_CACHE_KIB)
        connection.execute("PRAGMA query_only = ON")
        # Every commit empties a connection's cache; pages of the file itself are there still.
        connection.execute(f"PRAGMA mmap_size = {READER_MAPPED_BYTES}")
        return connection

    def _connect_writer(self) -> sqlite3.Connection:
        connection = self._connect(WRITER_CACHE_KIB)
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        # From here on only BEGIN IMMEDIATE can meet another process's lock, and it waits in its own way.
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    def _begin_immediate(self, connection: Connection) -> None:
        """Wait for the other processes' writers in steps of at most 1 ms; SQLite's own steps grow to 100 ms."""
        driver = _driver_connection(connection)
        deadline = time.monotonic() + self._wait_seconds
        pause = 0.0001
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise (_translate(error) or error) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.001)


class _PostgresCatalog:
    """SQLAlchemy's pools: one that writes at READ COMMITTED, one that reads one moment."""

    dialect = "postgresql"

    def __init__(self, url: URL, wait_seconds: float) -> None:
        url = url.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {"pool_size": 10, "max_overflow": 20, "pool_timeout": wait_seconds, **SILENT}
        self._writer = create_engine(url, isolation_level="READ COMMITTED", **options)
        self._reader = create_engine(
            url, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}, **options
        )

    def fetch(self, hot: HotRead, values: dict[str, Any]) -> list[Any]:
        """Run the read like any other: the way to the server takes longer than all there is to save."""
        with self.reader_turn() as connection:
            return hot.rows(connection, values)

    @contextmanager
    def reader_turn(self) -> Generator[Connection]:
        with _connect(self._reader) as connection:
            yield connection

    @contextmanager
    def writer_turn(self) -> Generator[Connection]:
        """Writers of PostgreSQL need not wait for each other."""
        with _connect(self._writer) as connection:
            yield connection

    def close(self) -> None:
        self._writer.dispose()
        self._reader.dispose()


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise_translated(error)
    except PoolTimeout as error:
        raise Unavailable() from error


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"Cannot make the folder {folder}: {error.strerror}") from error


def _driver_connection(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
