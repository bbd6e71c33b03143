"""Multipart bodies, read piece by piece and as tolerantly as contract 11.4 asks."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from zhiku.errors import BadRequest
from zhiku.http.filenames import decode_filename, read_parameters

MAX_BOUNDARY_BYTES = 256
MAX_HEADER_BYTES = 8 * 1024
MAX_PREAMBLE_BYTES = 8 * 1024
MAX_PARTS = 1000

MALFORMED = "Invalid multipart payload received."
CR = ord("\r")

_BLANK_LINE = re.compile(rb"\n\r?\n")
# What stands behind a boundary: the end mark, or blanks up to the end of the line; and how either may begin.
_AFTER_BOUNDARY = re.compile(rb"--|[ \t]*\r?\n")
_MAY_FOLLOW = re.compile(rb"-?|[ \t]*\r?")


@dataclass(frozen=True, slots=True)
class PartStart:
    """A part begins. `filename` is None for a plain field, `""` for a file that gives no name."""

    name: str
    filename: str | None
    content_type: str


@dataclass(frozen=True, slots=True)
class PartData:
    """More bytes of the part that began last."""

    content: bytes


Event = PartStart | PartData


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    CONTENT = auto()
    AFTER_END = auto()


class MultipartParser:
    """Turns the bytes of a multipart body into parts, keeping no more than a header block of them.

    Lines may end with LF alone, the last boundary needs no newline, headers other than the disposition may be absent.
    """

    def __init__(self, boundary: bytes) -> None:
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise BadRequest(MALFORMED)
        self._delimiter = b"\n--" + boundary
        # A newline before the content stands in for the one that a boundary at its very start lacks; `_given` is how
        # many bytes at the buffer's start are no content any more.
        self._buffer = bytearray(b"\n")
        self._given = 1
        self._state = _State.PREAMBLE
        self._preamble_bytes = 0
        self._parts = 0
        self._has_crlf = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what the bytes complete. Raises BadRequest for what cannot be multipart."""
        events: list[Event] = []
        if self._state is not _State.AFTER_END:
            self._buffer += data
            while self._advance(events):
                pass
        return events

    def finish(self) -> None:
        """Tell that the body has ended. Raises BadRequest if its last boundary is missing."""
        if self._state is not _State.AFTER_END:
            raise BadRequest(MALFORMED)

    def _advance(self, events: list[Event]) -> bool:
        """Take one step; return whether another one may be possible."""
        if self._state is _State.HEADERS:
            return self._read_headers(events)
        return self._state is not _State.AFTER_END and self._read_to_boundary(events)

    def _read_to_boundary(self, events: list[Event]) -> bool:
        start = self._buffer.find(self._delimiter)
        if start < 0:
            # The tail may be the beginning of a boundary, with the CR that belongs to it.
            self._give(len(self._buffer) - len(self._delimiter), events)
            return False
        after = start + len(self._delimiter)
        found = _AFTER_BOUNDARY.match(self._buffer, after)
        if found is not None:
            mark = found.group()
            # The newline stays: with it a part without headers begins like any other.
            rest = self._buffer[found.end() - 1 :]
            has_cr = self._has_crlf and start > self._given and self._buffer[start - 1] == CR
            self._give(start - 1 if has_cr else start, events)
            self._begin_part(mark, rest)
            return True
        if len(self._buffer) - after < MAX_HEADER_BYTES and _MAY_FOLLOW.fullmatch(self._buffer, after):
            self._give(start - 1, events)
            return False
        # Something longer that only begins like the boundary is content.
        self._give(after, events)
        return True

    def _give(self, end: int, events: list[Event]) -> None:
        """Give out the content before `end` and drop it from the buffer."""
        if end <= self._given:
            return
        if self._state is _State.CONTENT:
            events.append(PartData(bytes(self._buffer[self._given : end])))
        else:
            self._preamble_bytes += end
            if self._preamble_bytes > MAX_PREAMBLE_BYTES:
                raise BadRequest(MALFORMED)
        del self._buffer[:end]
        self._given = 0

    def _begin_part(self, mark: bytes, rest: bytearray) -> None:
        self._buffer = rest
        if mark == b"--":
            self._state = _State.AFTER_END
            self._buffer.clear()
            return
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(MALFORMED)
        self._has_crlf = mark.endswith(b"\r\n")
        self._state = _State.HEADERS

    def _read_headers(self, events: list[Event]) -> bool:
        found = _BLANK_LINE.search(self._buffer, 0, MAX_HEADER_BYTES)
        if found is None:
            if len(self._buffer) >= MAX_HEADER_BYTES:
                raise BadRequest(MALFORMED)
            return False
        events.append(_read_part_start(bytes(self._buffer[: found.start()])))
        del self._buffer[: found.end() - 1]
        self._given = 1
        self._state = _State.CONTENT
        return True


def _read_part_start(block: bytes) -> PartStart:
    headers: dict[str, bytes] = {}
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", block)
    for line in unfolded.split(b"\n"):
        name, _, value = line.partition(b":")
        headers.setdefault(name.strip().lower().decode("latin-1"), value.strip())
    parameters = read_parameters(headers.get("content-disposition", b""))
    kind = headers.get("content-type", b"").partition(b";")[0].strip().lower().decode("ascii", "replace")
    return PartStart(
        name=parameters.get("name", b"").decode("utf-8", "replace"),
        filename=decode_filename(parameters),
        content_type=kind[:255] if kind.isprintable() and kind.isascii() else "",
    )
