"""What a rule would make of a text or a file: cut as a worker would, in a limited child process; nothing is stored."""

import atexit
import threading

import msgspec

from zhiku.documents.rules import ProcessRule
from zhiku.errors import Unavailable
from zhiku.ingestion.extract.sandbox import Extraction, Limits, Sandbox

ENGINE = "zhiku.ingestion.estimate_engine"
# How long one waits for another's file, and how long the loaded parsers, 100 MB of them, wait for the next one.
PATIENCE_SECONDS = 10.0
KEPT_SECONDS = 60.0


class Wish(msgspec.Struct, frozen=True):
    """What is to be cut, how, and which of the segments are wanted; `extension` is None for a text in UTF-8."""

    content: bytes
    extension: str | None
    rule: ProcessRule
    doc_form: str
    offset: int = 0
    limit: int = 20


class EstimatedChild(msgspec.Struct, frozen=True):
    """A child chunk that would be made."""

    position: int
    content: str
    word_count: int
    tokens: int


class EstimatedSegment(msgspec.Struct, frozen=True):
    """A segment that would be made, with its child chunks; `position` counts from 1."""

    position: int
    content: str
    answer: str | None
    word_count: int
    tokens: int
    children: list[EstimatedChild]


class Estimate(msgspec.Struct, frozen=True):
    """How much would be made in all, and the wanted part of it."""

    total: int
    children: int
    word_count: int
    tokens: int
    segments: list[EstimatedSegment]


def make_estimate(limits: Limits, wish: Wish) -> Estimate:
    """Return what the wish comes to.

    Raises DocumentUnreadable with a message for the file's owner, Unavailable while others take long, and
    SandboxError.
    """
    return msgspec.json.decode(_cutter.cut(limits, wish).parts[0].text, type=Estimate)


class _Cutter:
    """The sandbox that all estimates of a process share, one after the other.

    Loading the parsers takes a second or two, and whoever tries rules comes again soon: so it stays for a while.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._sandbox: Sandbox | None = None
        self._limits: Limits | None = None
        self._end: threading.Timer | None = None

    def cut(self, limits: Limits, wish: Wish) -> Extraction:
        if not self._turn.acquire(timeout=PATIENCE_SECONDS):
            raise Unavailable("Another file is being looked at right now. Try again in a moment.")
        try:
            if self._end is not None:
                self._end.cancel()
            if self._sandbox is None or self._limits != limits:
                self._close()
                self._sandbox, self._limits = Sandbox(limits, ENGINE), limits
            return self._sandbox.extract(msgspec.msgpack.encode(wish), "")
        finally:
            self._end = threading.Timer(KEPT_SECONDS, self.close)
            self._end.daemon = True
            self._end.start()
            self._turn.release()

    def close(self) -> None:
        """End the sandbox when nobody uses it; the next estimate starts another."""
        with self._turn:
            self._close()

    def _close(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None


_cutter = _Cutter()
atexit.register(_cutter.close)
