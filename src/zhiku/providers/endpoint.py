"""Calls to a model provider over HTTP: retries, limits and failures in words a person understands."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import NoReturn, TypeVar

import httpx
import msgspec

from zhiku.clock import Clock, SystemClock
from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.breaker import Breaker

T = TypeVar("T")

_CONNECT_SECONDS = 5.0
_ANSWER_BYTES = 32 * 1024 * 1024
_REMOTE_TEXT_CHARS = 200
_READ_ERROR_BYTES = 4096
_OK = 200
_SERVER_ERROR = 500
_RETRIED_STATUS = frozenset({408, 409, 425, 429})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may be tried: `tries` attempts, all within `total_seconds`.

    The wait before the second attempt is about `wait_seconds` and doubles for each further one.
    """

    tries: int
    total_seconds: float
    wait_seconds: float
    minds_breaker: bool


# A person waits for a query; a job has its own retries with longer pauses after these.
REQUEST_PATIENCE = Patience(tries=2, total_seconds=10, wait_seconds=0.2, minds_breaker=True)
JOB_PATIENCE = Patience(tries=4, total_seconds=60, wait_seconds=1, minds_breaker=False)


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient calls are and how time passes for them; `jitter` returns 0 to 1."""

    request: Patience = REQUEST_PATIENCE
    job: Patience = JOB_PATIENCE
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


SYSTEM_PACE = Pace()


class AnswerError(Exception):
    """Raised by a reader of answers; the message completes "the provider ..."."""


class RequestRefused(ModelCallFailed):
    """The provider refused this request itself (400, 413, 422); a smaller one may pass."""


class AnswerTooSlow(ModelCallFailed):
    """The last attempt ran out of time while the provider was working on it."""


class _AttemptError(Exception):
    """One attempt failed in a way that another may not; `wait_seconds` is what the provider asked for."""

    def __init__(self, cause: str, wait_seconds: float = 0, *, is_slow: bool = False) -> None:
        super().__init__(cause)
        self.wait_seconds = wait_seconds
        self.is_slow = is_slow


class _ErrorDetail(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _ErrorDetail | str | None = None
    message: str | None = None
    detail: str | None = None


class Endpoint:
    """One URL of a provider that takes JSON by POST. Safe to call from several threads.

    `name` begins every failure's message, as in "Embedding provider api.example.com (model x)".
    Raises ProviderNotInitialize if the URL or the key cannot be sent.
    """

    def __init__(self, url: str, key: str | None, name: str, pace: Pace = SYSTEM_PACE) -> None:
        self._url = url
        self._name = name
        self._pace = pace
        self._key = (key or "").strip()
        self._breaker = Breaker(failures=5, seconds=10, clock=pace.clock)
        self._last_failure = ""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            # Checked here because the HTTP library would quote a bad header, and so the key, in its error.
            if not self._key.isascii() or not self._key.isprintable():
                raise ProviderNotInitialize("The model provider's key holds characters that cannot be sent.")
            headers["Authorization"] = f"Bearer {self._key}"
        self._client = httpx.Client(
            headers=headers,
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=30),
            # A proxy from the environment cannot reach this machine's own loopback.
            trust_env=httpx.URL(url).host not in _LOOPBACK,
        )

    def post(self, body: bytes, read: Callable[[bytes], T], patience: Patience) -> T:
        """Return what `read` makes of the answer to `body`, after as many attempts as `patience` allows.

        `read` raises AnswerError. Raises ModelCallFailed: RequestRefused if the request is to blame,
        AnswerTooSlow if time ran out while waiting for the answer.
        """
        clock = self._pace.clock
        deadline = clock.monotonic() + patience.total_seconds
        attempt = 1
        while True:
            if patience.minds_breaker and not self._breaker.is_closed():
                raise ModelCallFailed(f"{self._name} {self._last_failure} (not tried again for some seconds)")
            try:
                answer = self._attempt(body, read, deadline)
            except _AttemptError as failure:
                self._breaker.note_failure()
                self._last_failure = str(failure)
                wait = max(self._backoff_seconds(patience, attempt), failure.wait_seconds)
                if attempt >= patience.tries or clock.monotonic() + wait >= deadline:
                    self._give_up(failure, attempt)
                self._pace.sleep(wait)
                attempt += 1
            else:
                self._breaker.note_success()
                return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _attempt(self, body: bytes, read: Callable[[bytes], T], deadline: float) -> T:
        try:
            status, headers, content = self._exchange(body, deadline)
        except httpx.ConnectTimeout as error:
            raise _AttemptError(f"could not be reached within {_CONNECT_SECONDS:.0f} seconds") from error
        except httpx.TimeoutException as error:
            raise _AttemptError("did not answer in time", is_slow=True) from error
        except httpx.ConnectError as error:
            raise _AttemptError(f"could not be reached: {self._clean(str(error))}") from error
        except httpx.RequestError as error:
            raise _AttemptError(f"broke off the connection ({type(error).__name__})") from error
        if status == _OK:
            try:
                return read(content)
            except AnswerError as error:
                raise _AttemptError(str(error)) from error
        cause = self._describe_refusal(status, content)
        if status >= _SERVER_ERROR or status in _RETRIED_STATUS:
            raise _AttemptError(cause, self._asked_wait_seconds(headers))
        self._breaker.note_success()
        if status in (400, 413, 422):
            raise RequestRefused(f"{self._name} {cause}")
        raise ModelCallFailed(f"{self._name} {cause}")

    def _exchange(self, body: bytes, deadline: float) -> tuple[int, httpx.Headers, bytes]:
        clock = self._pace.clock
        left = max(deadline - clock.monotonic(), 0.01)
        timeout = httpx.Timeout(left, connect=min(_CONNECT_SECONDS, left))
        content = bytearray()
        with self._client.stream("POST", self._url, content=body, timeout=timeout) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > _ANSWER_BYTES:
                    raise _AttemptError(f"sent more than {_ANSWER_BYTES >> 20} MB")
                # The read timeout starts anew with every piece; a server that drips must not hold us.
                if clock.monotonic() > deadline:
                    raise _AttemptError("did not finish its answer in time", is_slow=True)
            return response.status_code, response.headers, bytes(content)

    def _backoff_seconds(self, patience: Patience, attempt: int) -> float:
        return patience.wait_seconds * 2 ** (attempt - 1) * (0.5 + self._pace.jitter())

    def _give_up(self, failure: _AttemptError, attempts: int) -> NoReturn:
        tried = "" if attempts == 1 else f" (tried {attempts} times)"
        kind = AnswerTooSlow if failure.is_slow else ModelCallFailed
        raise kind(f"{self._name} {failure}{tried}") from failure

    def _asked_wait_seconds(self, headers: httpx.Headers) -> float:
        asked = headers.get("Retry-After", "").strip()
        if asked.isdecimal():
            return float(asked)
        try:
            return max(parsedate_to_datetime(asked).timestamp() - self._pace.clock.now(), 0)
        except (ValueError, OverflowError):
            return 0

    def _describe_refusal(self, status: int, content: bytes) -> str:
        text = self._clean(_error_text(content))
        return f"answered {status}: {text}" if text else f"answered {status}"

    def _clean(self, text: str) -> str:
        # Some providers quote the key they were given.
        if self._key:
            text = text.replace(self._key, "***")
        text = re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()
        return text if len(text) <= _REMOTE_TEXT_CHARS else text[: _REMOTE_TEXT_CHARS - 1] + "…"


def _error_text(content: bytes) -> str:
    try:
        body = msgspec.json.decode(content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _plain_text(content)
    if isinstance(body.error, _ErrorDetail):
        return body.error.message
    return body.error or body.message or body.detail or _plain_text(content)


def _plain_text(content: bytes) -> str:
    text = content[:_READ_ERROR_BYTES].decode("utf-8", "replace").strip()
    # A proxy before the provider answers with a page; its words say enough.
    return re.sub(r"<[^>]*>", " ", text) if text.startswith("<") else text
