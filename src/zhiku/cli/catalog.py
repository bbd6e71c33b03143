"""The catalog for a command that works beside a running server, or without one."""

from collections.abc import Generator
from contextlib import contextmanager

from zhiku.bootstrap import make_runtime
from zhiku.db.migrations import migrate
from zhiku.runtime import Runtime, Wakeups
from zhiku.settings import Settings


@contextmanager
def open_catalog(settings: Settings) -> Generator[Runtime]:
    """Yield a runtime without an index, on a catalog of this program's version."""
    rt = make_runtime(settings, Wakeups(jobs=_ignore, outbox=_ignore, applied=_never_waits), index=None)
    try:
        migrate(rt.db)
        yield rt
    finally:
        rt.db.close()


def _ignore() -> None:
    """A running server finds the work at its next look."""


def _never_waits(_dataset_id: str, _sequence: int) -> bool:
    """A command asks for work and does not need the index to have it."""
    return False
