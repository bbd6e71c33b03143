"""Cutting of cleaned text into the contents of segments and child chunks, in time linear in its length."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from zhiku.documents.rules import ProcessRule, Segmentation
from zhiku.errors import DocumentUnreadable
from zhiku.text.tokens import count_tokens, has_more_tokens

# Where a piece that is too long may be cut, best place first; after the last one it is cut anywhere.
_BOUNDARIES = (
    re.compile(r"\n\n"),
    re.compile(r"\n"),
    re.compile(r"[。！？；]"),
    re.compile(r"[.!?] "),
    re.compile(r" "),
)

# An overlap nearly as large as the segment writes every character thousands of times over.
_OUTPUT_RATIO = 16
_OUTPUT_CHARS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Bounds:
    """At most how long a segment is, and how much of its end the next one may repeat, in code points."""

    size: int
    overlap: int


_Span = tuple[int, int]


class Cut(NamedTuple):
    """A segment's content and where it begins in the text."""

    start: int
    content: str


def split_text(text: str, rule: ProcessRule) -> list[str]:
    """Return the contents of a text's segments (its parents, if the rule is hierarchical), in document order.

    Each has at most `max_tokens` code points and at most as many tokens, unless one code point alone has
    more; they are trimmed and never empty. A rule for full documents yields the whole text as one.
    Raises DocumentUnreadable if the overlap multiplies the text beyond all use.
    """
    return [cut.content for cut in cut_text(text, rule)]


def cut_text(text: str, rule: ProcessRule) -> list[Cut]:
    """Return what `split_text` does, each content with its start in the text."""
    if rule.is_full_doc:
        whole = text.strip()
        return [Cut(0, whole)] if whole else []
    if rule.mode == "automatic":
        return _collect(text, _cut(text, (0, len(text)), 0, _bounds(rule.segmentation)), rule.segmentation)
    return _collect(text, _cut_pieces(text, rule.segmentation), rule.segmentation)


def split_children(parent: str, rule: ProcessRule) -> list[str]:
    """Return the contents of a parent's child chunks, in order; none if the rule has no children."""
    if rule.subchunk is None:
        return []
    return [cut.content for cut in _collect(parent, _cut_pieces(parent, rule.subchunk), rule.subchunk)]


def _bounds(segmentation: Segmentation) -> _Bounds:
    return _Bounds(segmentation.max_tokens, segmentation.chunk_overlap)


def _collect(text: str, spans: Iterator[_Span], segmentation: Segmentation) -> list[Cut]:
    room = max(_OUTPUT_CHARS, _OUTPUT_RATIO * len(text))
    cuts: list[Cut] = []
    written = 0
    for span in spans:
        for start, end in _cut_to_tokens(text, span, segmentation):
            content = _trim(text[start:end])
            # Cutting further may leave parts that only repeat the segment before.
            if not content or end <= written:
                continue
            written = end
            room -= len(content)
            if room < 0:
                raise DocumentUnreadable(
                    f"An overlap of {segmentation.chunk_overlap} in segments of {segmentation.max_tokens} "
                    "repeats the text of this document too often. Choose a smaller overlap."
                )
            cuts.append(Cut(text.find(content, start), content))
    return cuts


def _trim(content: str) -> str:
    content = content.strip()
    return content[1:].lstrip() if content[:1] in {".", "。"} else content


def _cut_to_tokens(text: str, span: _Span, segmentation: Segmentation) -> Iterator[_Span]:
    """Cut a span that has few enough characters but too many tokens, in smaller and smaller parts until all fit."""
    start, end = span
    limit, content = segmentation.max_tokens, text[start:end].strip()
    if len(content) <= 1 or not has_more_tokens(content, limit):
        yield span
        return
    # At least a quarter smaller each time, so that it ends soon however unevenly the tokens lie.
    size = max(1, min(len(content) * limit // count_tokens(content), len(content) * 3 // 4))
    for part in _cut(text, span, 0, _Bounds(size, segmentation.chunk_overlap * size // limit)):
        yield from _cut_to_tokens(text, part, segmentation)


def _cut_pieces(text: str, segmentation: Segmentation) -> Iterator[_Span]:
    """Cut at every separator, which disappears, and inside pieces that are longer than a segment."""
    separator, bounds = segmentation.separator, _bounds(segmentation)
    start = 0
    while start <= len(text):
        found = text.find(separator, start)
        end = len(text) if found < 0 else found
        if end - start <= bounds.size:
            yield start, end
        else:
            yield from _cut(text, (start, end), 0, bounds)
        start = end + len(separator)


def _cut(text: str, span: _Span, level: int, bounds: _Bounds) -> Iterator[_Span]:
    """Cut a span at the first kind of boundary from `level` on that occurs in it, as the contract's recursive cut."""
    start, end = span
    while level < len(_BOUNDARIES) and _BOUNDARIES[level].search(text, start, end) is None:
        level += 1
    if level == len(_BOUNDARIES):
        yield from _cut_anywhere(text, span, bounds)
        return
    held: deque[int] = deque()  # where the collected fragments start
    written = start  # everything before it has been yielded
    for begin, stop in _fragments(text, span, level):
        is_long = stop - begin > bounds.size
        if held and (is_long or stop - held[0] > bounds.size):
            # Spaces behind an overlap are no reason to repeat it.
            if not text[written:begin].isspace():
                yield held[0], begin
            written = begin
            while held and (begin - held[0] > bounds.overlap or stop - held[0] > bounds.size):
                held.popleft()
        if is_long:
            yield from _cut(text, (begin, stop), level + 1, bounds)
            written = stop
        else:
            held.append(begin)
    if held and not text[written:end].isspace():
        yield held[0], end


def _fragments(text: str, span: _Span, level: int) -> Iterator[_Span]:
    """Split a span behind each boundary of one kind."""
    start, end = span
    for boundary in _BOUNDARIES[level].finditer(text, start, end):
        yield start, boundary.end()
        start = boundary.end()
    if start < end:
        yield start, end


def _cut_anywhere(text: str, span: _Span, bounds: _Bounds) -> Iterator[_Span]:
    """Windows of the full size, each starting an overlap before the last one's end; spaces at the end are no text."""
    start, end = span
    end = start + len(text[start:end].rstrip())
    for begin in range(start, end, max(1, bounds.size - bounds.overlap)):
        stop = min(begin + bounds.size, end)
        yield begin, stop
        if stop == end:
            return
