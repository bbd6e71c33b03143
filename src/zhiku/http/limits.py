"""How much and how often: request bodies and requests a minute (contract 2.5, D14)."""

import threading
from collections import deque

from starlette.requests import Request

from zhiku.clock import Clock
from zhiku.errors import FileTooLarge, Forbidden

RATE_LIMITED = "Sorry, you have reached the knowledge base request rate limit of your subscription."
WINDOW_SECONDS = 60.0
MAX_DECLARED_DIGITS = 18


class RateLimit:
    """At most so many requests in any 60 seconds, counted in this process; 0 means no limit."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._admitted: deque[float] = deque()

    def admit(self) -> None:
        """Count one request. Raises Forbidden, without counting it, when the window is full."""
        if not self._per_minute:
            return
        now = self._clock.monotonic()
        with self._lock:
            while self._admitted and self._admitted[0] <= now - WINDOW_SECONDS:
                self._admitted.popleft()
            if len(self._admitted) >= self._per_minute:
                raise Forbidden(RATE_LIMITED)
            self._admitted.append(now)


def refuse_declared_size(request: Request, limit_bytes: int) -> None:
    """Raise FileTooLarge if the request says itself that its body is longer than the limit."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        return
    if len(declared) > MAX_DECLARED_DIGITS or int(declared) > limit_bytes:
        raise FileTooLarge


async def read_capped(request: Request, limit_bytes: int) -> bytes:
    """Return the whole body. Raises FileTooLarge before reading more than the limit, chunked bodies too."""
    refuse_declared_size(request, limit_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise FileTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def admit(request: Request) -> None:
    """Count a request of a rate-limited operation. Raises Forbidden."""
    limit: RateLimit = request.app.state.rate_limit
    limit.admit()
