"""How much and how often: request bodies and requests a minute (contract 2.5, D14)."""

import threading
from collections import deque

from starlette.requests import Request

from zhiku.access.actor import Actor
from zhiku.clock import Clock
from zhiku.errors import FileTooLarge, Forbidden
from zhiku.http.auth import ActorDep
from zhiku.settings import Settings

RATE_LIMITED = "Sorry, you have reached the knowledge base request rate limit of your subscription."
WINDOW_SECONDS = 60.0
KEPT_WINDOWS = 1000
MAX_DECLARED_DIGITS = 18


class RateLimits:
    """So many requests in any 60 seconds, of the whole workspace and of each key, counted in this process.

    0 in the settings means no limit; a key's own limit goes before the one that the settings give each key.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._of_workspace = settings.rate_limit_per_minute
        self._of_each_key = settings.key_rate_limit_per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._workspace: deque[float] = deque()
        self._keys: dict[str, deque[float]] = {}

    def admit(self, actor: Actor) -> None:
        """Count one request. Raises Forbidden, without counting it, when the workspace or the key has had its share."""
        own = actor.rate_limit_per_minute
        of_key = self._of_each_key if own is None else own
        if of_key or self._of_workspace:
            with self._lock:
                self._count(actor.key_id, of_key)

    def _count(self, key_id: str, of_key: int) -> None:
        now = self._clock.monotonic()
        windows: list[deque[float]] = []
        for window, limit in ((self._workspace, self._of_workspace), (self._window_of(key_id, now), of_key)):
            _forget(window, now)
            if limit and len(window) >= limit:
                raise Forbidden(RATE_LIMITED)
            if limit:
                windows.append(window)
        for window in windows:
            window.append(now)

    def _window_of(self, key_id: str, now: float) -> deque[float]:
        """Return the key's window; those of keys that ask no more are dropped before there are too many."""
        if key_id not in self._keys:
            if len(self._keys) >= KEPT_WINDOWS:
                for window in self._keys.values():
                    _forget(window, now)
                self._keys = {key: window for key, window in self._keys.items() if window}
            self._keys[key_id] = deque()
        return self._keys[key_id]


def admit(request: Request, actor: ActorDep) -> None:
    """Count a request of a rate-limited operation. Raises Forbidden."""
    limits: RateLimits = request.app.state.rate_limits
    limits.admit(actor)


def _forget(window: deque[float], now: float) -> None:
    while window and window[0] <= now - WINDOW_SECONDS:
        window.popleft()


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
