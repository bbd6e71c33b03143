"""What a rule would make of a text or a file: cut as a worker would, in a limited child process; nothing is stored."""

import threading

import msgspec

from zhiku.documents.rules import ProcessRule
from zhiku.errors import Unavailable
from zhiku.ingestion.extract.sandbox import Limits, Sandbox

ENGINE = "zhiku.ingestion.estimate_engine"
# Each takes a process with the parsers in it; whoever comes when that many run waits a little and is then refused.
AT_ONCE = 2
PATIENCE_SECONDS = 10.0

_turns = threading.BoundedSemaphore(AT_ONCE)


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

    Raises DocumentUnreadable with a message for the file's owner, Unavailable while too many others ask, and
    SandboxError.
    """
    if not _turns.acquire(timeout=PATIENCE_SECONDS):
        raise Unavailable("Other files are being looked at right now. Try again in a moment.")
    try:
        with Sandbox(limits, ENGINE) as sandbox:
            made = sandbox.extract(msgspec.msgpack.encode(wish), "")
    finally:
        _turns.release()
    return msgspec.json.decode(made.parts[0].text, type=Estimate)
