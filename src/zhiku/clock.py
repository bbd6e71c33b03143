"""Wall time for what is stored and shown, monotonic time for what is waited for."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the program reads the time; tests pass one that they move by hand."""

    def now(self) -> float:
        """Return epoch seconds, for stored times."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump, for timeouts inside one process."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
