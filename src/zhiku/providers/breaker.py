"""A switch that spares callers the wait for a provider that keeps failing."""

from threading import Lock

from zhiku.clock import Clock


class Breaker:
    """Opens after `failures` failed calls in a row and stays open for `seconds`. Thread safe.

    After that time one call is let through; the others wait for another `seconds`, so a call that
    never reports back cannot block the way for ever.
    """

    def __init__(self, failures: int, seconds: float, clock: Clock) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._failed = 0
        self._opens_at = 0.0

    def is_closed(self) -> bool:
        """Return whether a call may be made now; while open, True is said once every `seconds`."""
        with self._lock:
            if self._failed < self._limit:
                return True
            now = self._clock.monotonic()
            if now < self._opens_at:
                return False
            self._opens_at = now + self._seconds
            return True

    def note_success(self) -> None:
        """Close: the provider answered."""
        with self._lock:
            self._failed = 0

    def note_failure(self) -> None:
        """Count one failed call; the last of `failures` in a row opens the breaker."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._opens_at = self._clock.monotonic() + self._seconds
