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
    rt = make_runtime(settings, Wakeups(jobs=_ignore, outbox=_ignore), index=None)
    try:
        migrate(rt.db)
        yield rt
    finally:
        rt.db.close()


def _ignore() -> None:
    """A running server finds the work at its next look."""
