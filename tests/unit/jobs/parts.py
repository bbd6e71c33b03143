"""The three parts of a runtime that a worker itself uses."""

from dataclasses import dataclass

from zhiku.clock import Clock
from zhiku.db.engine import Database
from zhiku.settings import Settings


@dataclass(frozen=True)
class WorkerParts:
    """Stands in for a `Runtime`, whose other parts belong to the handlers."""

    settings: Settings
    clock: Clock
    db: Database
