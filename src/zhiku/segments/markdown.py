"""Where the code fences, tables and headings of a Markdown text are, in time linear in its length (pure)."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Span = tuple[int, int]
"""Where something begins in a text and where it ends, in code points."""

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6})[ \t]++(\S[^\n]*)", re.MULTILINE)
# The row of dashes below a table's header, and the rows below that.
_DASHES = re.compile(r"\n[ \t]*+\|?+[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?+[ \t]*+(?=\n|\Z)")
_ROWS = re.compile(r"(?:\n[^\n|]*+\|[^\n]*+)*+")
_COLUMN_EDGE = re.compile(r"(?<!\\)\|")
_CLOSING_MARKS = re.compile(r"[ \t]#+[ \t]*\Z")


class Heading(NamedTuple):
    """A heading's place in its text, its level from 1 to 6, and what it says."""

    start: int
    end: int
    level: int
    title: str


class Table(NamedTuple):
    """Where a table's header begins, where its rows do, and where the last of these ends, without its line end."""

    start: int
    rows: int
    end: int


def find_fences(text: str, start: int = 0, end: int | None = None) -> list[Span]:
    """Return the blocks of code between fences, with these, in order; one that is never closed goes to the end."""
    end = len(text) if end is None else end
    if text.find("```", start, end) < 0 and text.find("~~~", start, end) < 0:
        return []
    fences: list[Span] = []
    opened, mark = -1, ""
    for found in _FENCE.finditer(text, start, end):
        line, rest = found[1], found[2]
        if opened < 0:
            # What stands in backticks on one line is code in a sentence.
            if line[0] == "~" or "`" not in rest:
                opened, mark = found.start(), line
        elif line.startswith(mark) and not rest.strip():
            fences.append((opened, found.end()))
            opened = -1
    return [*fences, (opened, end)] if opened >= 0 else fences


def find_headings(text: str) -> list[Heading]:
    """Return the headings written with `#`, in order; lines of code are none."""
    if "\n#" not in text and not text.startswith("#"):
        return []
    return list(_headings_outside(text, find_fences(text)))


def find_tables(text: str, start: int, end: int, fences: Sequence[Span]) -> list[Table]:
    """Return the tables with a header between `start` and `end`, in order; lines of code are none."""
    if text.find("|", start, end) < 0:
        return []
    tables: list[Table] = []
    behind = start
    for dashes in _DASHES.finditer(text, start, end):
        header = max(text.rfind("\n", behind, dashes.start()) + 1, behind)
        if dashes.start() <= header or holds(fences, header) is not None:
            continue
        columns = _columns(dashes[0])
        if columns and columns == _columns(text[header : dashes.start()]):
            rows = _ROWS.match(text, dashes.end(), end)
            behind = rows.end() if rows else dashes.end()
            tables.append(Table(header, min(dashes.end() + 1, behind), behind))
    return tables


def holds(spans: Sequence[Span], place: int) -> int | None:
    """Return which of the spans, given in order, has the place inside of it and not at one of its ends."""
    index = bisect_right(spans, (place, -1)) - 1
    return index if index >= 0 and spans[index][0] < place < spans[index][1] else None


def _columns(line: str) -> int:
    """Return how many columns a line of a table has; 0 if it has no edge between or around them."""
    edges = len(_COLUMN_EDGE.findall(line))
    line = line.strip()
    return edges and edges + 1 - line.startswith("|") - (line.endswith("|") and not line.endswith("\\|"))


def _headings_outside(text: str, fences: Sequence[Span]) -> Iterator[Heading]:
    for found in _HEADING.finditer(text):
        title = _CLOSING_MARKS.sub("", found[2]).strip("*_ \t\r")
        if title and holds(fences, found.start()) is None:
            yield Heading(found.start(), found.end(), len(found[1]), title)
