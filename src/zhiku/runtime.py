"""The things a service works with, made once at start and passed as one value."""

from collections.abc import Callable
from dataclasses import dataclass

from zhiku.blobs.base import BlobStore
from zhiku.clock import Clock
from zhiku.db.engine import Database
from zhiku.db.hits import HitCounts
from zhiku.db.key_uses import KeyUses
from zhiku.indexes.base import Index
from zhiku.providers.catalog import ModelCatalog
from zhiku.settings import Settings


@dataclass(frozen=True, slots=True)
class Wakeups:
    """Hints that committed work is waiting; a lost hint costs one poll interval, never the work."""

    jobs: Callable[[], None]
    outbox: Callable[[], None]
    # Waits, at most 10 s, until the index has the dataset's outbox row of this number; False if it has not.
    applied: Callable[[str, int], bool]


class Activity:
    """Remembers when somebody last asked, so that indexing can step aside while they do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = float("-inf")

    def note(self) -> None:
        """Somebody asks now."""
        self._last = self._clock.monotonic()

    def is_recent(self, seconds: float = 0.1) -> bool:
        """Tell whether somebody asked within the last `seconds`."""
        return self._clock.monotonic() - self._last < seconds


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running Zhiku; `bootstrap.py` chooses them, nothing else knows which they are.

    `index` is None in a worker: only the process that owns the index may open it.
    """

    settings: Settings
    clock: Clock
    db: Database
    blobs: BlobStore
    models: ModelCatalog
    index: Index | None
    wakeups: Wakeups
    activity: Activity
    hits: HitCounts
    key_uses: KeyUses
