"""The messages between a worker, its fork server and the fork server's children."""

import os
import select
import time
from collections.abc import Callable

import msgspec

from zhiku.ingestion.extract.parts import Extraction, Limits

HEADER_BYTES = 4
READ_BYTES = 1 << 18


class Order(msgspec.Struct, frozen=True):
    """One file to read: where it lies, or what is in it."""

    extension: str
    path: str = ""
    content: bytes = b""


class Reply(msgspec.Struct, frozen=True):
    """What became of an order (or of the start): what was read, or the message that says why nothing was."""

    extraction: Extraction | None = None
    unreadable: str | None = None


class FrameError(Exception):
    """The other side closed its end, sent too much or nothing in time."""


def encode_limits(limits: Limits) -> str:
    """The limits as one command-line argument."""
    return msgspec.json.encode(limits).decode()


def decode_limits(argument: str) -> Limits:
    """The limits from a command-line argument."""
    return msgspec.json.decode(argument, type=Limits)


def write_frame(descriptor: int, payload: bytes) -> None:
    """Write the payload with its length before it. Raises BrokenPipeError if nobody reads."""
    view = memoryview(len(payload).to_bytes(HEADER_BYTES, "big") + payload)
    while view:
        view = view[os.write(descriptor, view) :]


def read_frame(descriptor: int, most_bytes: int, deadline: float | None = None) -> bytes:
    """One frame's payload. Raises FrameError at the end of the stream, past `deadline` (monotonic) or `most_bytes`."""
    size = int.from_bytes(read_exactly(descriptor, HEADER_BYTES, deadline), "big")
    if size > most_bytes:
        raise FrameError("the frame is too large")
    return bytes(read_exactly(descriptor, size, deadline))


def read_exactly(descriptor: int, size: int, deadline: float | None) -> bytearray:
    """`size` bytes from the descriptor; raises FrameError as `read_frame` does."""
    found = bytearray()
    ready = wait_readable(descriptor)
    while len(found) < size:
        if not ready(deadline):
            raise FrameError("no answer in time")
        piece = os.read(descriptor, min(READ_BYTES, size - len(found)))
        if not piece:
            raise FrameError("the other side has gone")
        found += piece
    return found


def wait_readable(descriptor: int) -> Callable[[float | None], bool]:
    """A function that waits until the descriptor can be read or has ended, and says whether that was in time."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLHUP)

    def wait(deadline: float | None) -> bool:
        if deadline is None:
            return bool(poller.poll())
        return bool(poller.poll(max(0.0, deadline - time.monotonic()) * 1000))

    return wait
