"""Cutting of cleaned text into the contents of segments and child chunks, in time linear in its length."""

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from zhiku.documents.picture_links import PICTURE_LINK, has_pictures
from zhiku.documents.rules import ProcessRule, Segmentation
from zhiku.errors import DocumentUnreadable
from zhiku.segments.markdown import Span, Table, find_fences, find_tables, holds
from zhiku.text.tokens import count_tokens, has_more_tokens

# Where a piece that is too long may be cut, best place first; after the last one it is cut anywhere.
_BOUNDARIES = (
    re.compile(r"\n\n"),
    re.compile(r"\n"),
    # The values of one row of a sheet.
    re.compile(r'";(?=")'),
    # A quotation's end belongs to its sentence; a western mark needs no space before Chinese or Japanese.
    re.compile(r"[。！？；][”’」』）》】]*+|[!?](?=[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])"),
    re.compile(r"[.!?][\"'”’)\]]*+ "),
    re.compile(r" "),
)
_LINES = 1

# An overlap nearly as large as the segment writes every character thousands of times over.
_OUTPUT_RATIO = 16
_OUTPUT_CHARS = 64 * 1024 * 1024


class Cut(NamedTuple):
    """A segment's content and where it begins in the text."""

    start: int
    content: str


class _Piece(NamedTuple):
    """A part of the text that becomes a segment; `head` is the header of the table it is from, told before it."""

    start: int
    end: int
    head: Span | None = None

    def read(self, text: str) -> str:
        """Return the piece's text."""
        body = text[self.start : self.end]
        return text[self.head[0] : self.head[1]] + body if self.head else body


@dataclass(frozen=True, slots=True)
class _Bounds:
    """At most how long a segment is, and how much of its end the next one may repeat, in code points."""

    size: int
    overlap: int


@dataclass(frozen=True, slots=True)
class _Blocks:
    """What is not torn where it fits: code fences and tables, and links to pictures; each in order."""

    wholes: list[Span]
    tables: list[Table]
    links: list[Span]

    def keep(self, place: int, size: int) -> bool:
        """Whether the place lies inside of something that is at most `size` long."""
        return _keeps(self.wholes, place, size) or _keeps(self.links, place, size)

    def links_in(self, span: Span) -> list[Span]:
        """Return the links that lie within a span."""
        return self.links[bisect_left(self.links, (span[0], 0)) : bisect_right(self.links, (span[1], 0))]


_NO_BLOCKS = _Blocks([], [], [])


def split_text(text: str, rule: ProcessRule) -> list[str]:
    """Return the contents of a text's segments (its parents, if the rule is hierarchical), in document order.

    Each has at most `max_tokens` code points and at most as many tokens, unless one code point alone has
    more; they are trimmed and never empty. A table that is longer than a segment has its header in each.
    A rule for full documents yields the whole text as one.
    Raises DocumentUnreadable if the overlap multiplies the text beyond all use.
    """
    return [cut.content for cut in cut_text(text, rule)]


def cut_text(text: str, rule: ProcessRule) -> list[Cut]:
    """Return what `split_text` does, each content with its start in the text."""
    if rule.is_full_doc:
        whole = text.strip()
        return [Cut(0, whole)] if whole else []
    if rule.mode == "automatic":
        return _collect(text, _cut_long(text, (0, len(text)), _bounds(rule.segmentation)), rule.segmentation)
    return _collect(text, _cut_pieces(text, rule.segmentation), rule.segmentation)


def split_children(parent: str, rule: ProcessRule) -> list[str]:
    """Return the contents of a parent's child chunks, in order; none if the rule has no children."""
    if rule.subchunk is None:
        return []
    return [cut.content for cut in _collect(parent, _cut_pieces(parent, rule.subchunk), rule.subchunk)]


def _bounds(segmentation: Segmentation) -> _Bounds:
    return _Bounds(segmentation.max_tokens, segmentation.chunk_overlap)


def _collect(text: str, pieces: Iterator[_Piece], segmentation: Segmentation) -> list[Cut]:
    room = max(_OUTPUT_CHARS, _OUTPUT_RATIO * len(text))
    cuts: list[Cut] = []
    written = 0
    for piece in _cut_to_tokens(text, pieces, segmentation):
        content = _trim(piece.read(text))
        # Cutting further may leave parts that only repeat the segment before.
        if not content or piece.end <= written:
            continue
        written = piece.end
        room -= len(content)
        if room < 0:
            raise DocumentUnreadable(
                f"An overlap of {segmentation.chunk_overlap} in segments of {segmentation.max_tokens} "
                "repeats the text of this document too often. Choose a smaller overlap."
            )
        cuts.append(Cut(_begin(text, piece, content), content))
    return cuts


def _trim(content: str) -> str:
    content = content.strip()
    return content[1:].lstrip() if content[:1] in {".", "。"} else content


def _begin(text: str, piece: _Piece, content: str) -> int:
    return piece.start if piece.head else text.find(content, piece.start)


def _cut_to_tokens(text: str, pieces: Iterator[_Piece], segmentation: Segmentation) -> Iterator[_Piece]:
    """Cut pieces that have few enough characters but too many tokens, in smaller and smaller parts until all fit."""
    limit, begun = segmentation.max_tokens, 0
    for large in pieces:
        waiting = [large]
        while waiting:
            piece = waiting.pop()
            if piece.start < begun < piece.end:
                # Parts of the piece before went further than this one's overlap.
                piece = piece._replace(start=begun)
            content = piece.read(text).strip()
            if len(content) <= 1 or not has_more_tokens(content, limit):
                begun = piece.start
                yield piece
                continue
            # At least a quarter smaller each time, so that it ends soon however unevenly the tokens lie.
            size = max(1, min(len(content) * limit // count_tokens(content), len(content) * 3 // 4))
            bounds = _Bounds(size, segmentation.chunk_overlap * size // limit)
            waiting += reversed(list(_cut_smaller(text, piece, bounds)))


def _cut_smaller(text: str, piece: _Piece, bounds: _Bounds) -> Iterator[_Piece]:
    if piece.head is None:
        return _cut_long(text, (piece.start, piece.end), bounds)
    if piece.head[1] == piece.start:
        return _cut_long(text, (piece.head[0], piece.end), bounds)
    if not _can_repeat(piece.head, bounds):
        return _cut_long(text, (piece.start, piece.end), bounds)
    return _cut_rows(text, piece.head, (piece.start, piece.end), bounds)


def _cut_pieces(text: str, segmentation: Segmentation) -> Iterator[_Piece]:
    """Cut at every separator, which disappears, and inside pieces that are longer than a segment."""
    separator, bounds = segmentation.separator, _bounds(segmentation)
    start = 0
    while start <= len(text):
        found = text.find(separator, start)
        end = len(text) if found < 0 else found
        if end - start <= bounds.size:
            yield _Piece(start, end)
        else:
            yield from _cut_long(text, (start, end), bounds)
        start = end + len(separator)


def _cut_long(text: str, span: Span, bounds: _Bounds) -> Iterator[_Piece]:
    """Cut a span as the contract's recursive cut, and the tables in it that are longer than a segment row by row."""
    position, end = span
    blocks = _find_blocks(text, span) if end - position > bounds.size else _NO_BLOCKS
    for table in blocks.tables:
        head = (table.start, table.rows)
        if table.end - table.start > bounds.size and table.rows < table.end and _can_repeat(head, bounds):
            yield from _cut(text, (position, table.start), 0, bounds, blocks)
            yield from _cut_table(text, table, bounds)
            position = table.end
    yield from _cut(text, (position, end), 0, bounds, blocks)


def _find_blocks(text: str, span: Span) -> _Blocks:
    fences = find_fences(text, *span)
    tables = find_tables(text, *span, fences)
    links = [found.span() for found in PICTURE_LINK.finditer(text, *span)] if has_pictures(text) else []
    if not fences and not tables and not links:
        return _NO_BLOCKS
    return _Blocks(sorted([*fences, *((table.start, table.end) for table in tables)]), tables, links)


def _keeps(spans: list[Span], place: int, size: int) -> bool:
    index = holds(spans, place) if spans else None
    return index is not None and spans[index][1] - spans[index][0] <= size


def _can_repeat(head: Span, bounds: _Bounds) -> bool:
    # A header nearly as long as a segment would be written many times over beside a few letters each.
    return head[1] - head[0] <= bounds.size * 3 // 4


def _cut_table(text: str, table: Table, bounds: _Bounds) -> Iterator[_Piece]:
    """Cut a long table into runs of rows, each with the header; nothing of it is lost if the first row is too long."""
    head = (table.start, table.rows)
    is_told = False
    for piece in _cut_rows(text, head, (table.rows, table.end), bounds):
        if not is_told and piece.head is None:
            yield _Piece(*head)
        is_told = True
        yield piece


def _cut_rows(text: str, head: Span, rows: Span, bounds: _Bounds) -> Iterator[_Piece]:
    """Cut rows of a table; a row that is only short enough without the header stays whole, a longer one is torn."""
    room = bounds.size - (head[1] - head[0])

    def cut_row(row: Span) -> Iterator[_Piece]:
        return (
            _cut(text, row, _LINES + 1, bounds, _NO_BLOCKS)
            if _is_longer(text, row, bounds.size)
            else iter((_Piece(*row),))
        )

    lines = _fragments(text, rows, _LINES, bounds.size, _NO_BLOCKS)
    return _merge(text, lines, _Bounds(room, min(bounds.overlap, room)), cut_row, head)


def _cut(text: str, span: Span, level: int, bounds: _Bounds, blocks: _Blocks) -> Iterator[_Piece]:
    """Cut a span at the first kind of boundary from `level` on that occurs in it, as the contract's recursive cut."""
    start, end = span
    while level < len(_BOUNDARIES) and _BOUNDARIES[level].search(text, start, end) is None:
        level += 1
    if level == len(_BOUNDARIES):
        yield from _cut_between_links(text, span, bounds, blocks)
        return

    def cut_finer(fragment: Span) -> Iterator[_Piece]:
        return _cut(text, fragment, level + 1, bounds, blocks)

    yield from _merge(text, _fragments(text, span, level, bounds.size, blocks), bounds, cut_finer)


def _merge(
    text: str,
    fragments: Iterable[Span],
    bounds: _Bounds,
    cut_finer: Callable[[Span], Iterator[_Piece]],
    head: Span | None = None,
) -> Iterator[_Piece]:
    """Join fragments that follow each other as long as they fit; those that are too long are cut finer."""
    held: deque[int] = deque()  # where the collected fragments start
    written = stop = -1  # everything before `written` has been yielded
    for begin, stop in fragments:
        if written < 0:
            written = begin
        is_long = _is_longer(text, (begin, stop), bounds.size)
        if held and (is_long or stop - held[0] > bounds.size):
            # Spaces behind an overlap are no reason to repeat it.
            if not text[written:begin].isspace():
                yield _Piece(held[0], begin, head)
            written = begin
            while held and (begin - held[0] > bounds.overlap or stop - held[0] > bounds.size):
                held.popleft()
        if is_long:
            yield from cut_finer((begin, stop))
            written = stop
        else:
            held.append(begin)
    if held and not text[written:stop].isspace():
        yield _Piece(held[0], stop, head)


def _is_longer(text: str, span: Span, size: int) -> bool:
    """Whether a span is too long, without the space at its ends, which is trimmed."""
    return span[1] - span[0] > size and len(text[span[0] : span[1]].strip()) > size


def _fragments(text: str, span: Span, level: int, size: int, blocks: _Blocks) -> Iterator[Span]:
    """Split a span behind each boundary of one kind that lies in no block of at most `size`."""
    start, end = span
    for boundary in _BOUNDARIES[level].finditer(text, start, end):
        if blocks is not _NO_BLOCKS and blocks.keep(boundary.end(), size):
            continue
        yield start, boundary.end()
        start = boundary.end()
    if start < end:
        yield start, end


def _cut_between_links(text: str, span: Span, bounds: _Bounds, blocks: _Blocks) -> Iterator[_Piece]:
    links = [link for link in blocks.links_in(span) if link[1] - link[0] <= bounds.size]
    if not links:
        return _cut_anywhere(text, span, bounds)
    edges = sorted({*span, *(edge for link in links for edge in link)})
    return _merge(text, pairwise(edges), bounds, lambda part: _cut_anywhere(text, part, bounds))


def _cut_anywhere(text: str, span: Span, bounds: _Bounds) -> Iterator[_Piece]:
    """Windows of the full size, each starting an overlap before the last one's end; spaces at the end are no text."""
    start, end = span
    end = start + len(text[start:end].rstrip())
    for begin in range(start, end, max(1, bounds.size - bounds.overlap)):
        stop = min(begin + bounds.size, end)
        yield _Piece(begin, stop)
        if stop == end:
            return
