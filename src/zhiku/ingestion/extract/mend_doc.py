"""Older Word files: headings, of which the library makes items, and tables, of which it leaves the words alone."""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zhiku.ingestion.extract.mend_table import table_markdown
from zhiku.ingestion.extract.ole import read_streams

DOCUMENT, TABLES = "WordDocument", ("0Table", "1Table")
# Where the file's head says which of the two tables counts, how long its text is, and where its lists lie.
FLAGS_AT, TEXT_LENGTH_AT, PARAGRAPHS_AT, PIECES_AT = 0x0A, 0x4C, 0x102, 0x1A2
SECOND_TABLE = 0x0200
PAGE_BYTES = 512
ONE_BYTE = 0x40000000
HEADING_STYLES = range(1, 10)
NO_PROPERTIES = b"\0\0"
# Properties of a paragraph in a table, of the mark that ends a row, and of a row with too many to be written there.
IN_TABLE, ROW_END, MORE = b"\x16\x24\x01", b"\x17\x24\x01", b"\x46\x66"
MARKS = re.compile("[\r\x07\x0c]")
FIELD = re.compile("\x13[^\x13\x14\x15]{0,5000}\x14?|\x15")
CONTROLS = re.compile("[\x00-\x1f]")
ITEM_MARKS = re.compile(r"^(?:[-*+] +|\d{1,9}[.)] +|#{1,6} +)*")
WORD = re.compile(r"\S+")
LOOK_AHEAD = 20
MOST_PAGES = 50_000
# A table whose first word is everywhere is given up rather than searched for without end.
MOST_TRIES = 1000


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph or cell: how deep a heading it is (0: none), and whether it lies in a table, ends a cell or a row."""

    text: str
    heading: int
    is_in_table: bool
    is_cell: bool
    is_row_end: bool


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that lie together in the file: from which place in the text, at which byte, how wide each is."""

    start: int
    at: int
    width: int


def mend_doc(text: str, content: bytes) -> str:
    """The library's Markdown with headings and tables as the file has them; as it is where the file is unclear."""
    try:
        paragraphs = list(read_paragraphs(content))
    except (struct.error, ValueError, IndexError, KeyError):
        return text
    headings = [(each.heading, plain(each.text)) for each in paragraphs if each.heading and plain(each.text)]
    return place_tables(place_headings(text, headings), list(find_tables(paragraphs)))


def read_paragraphs(content: bytes) -> Iterator[Paragraph]:
    """The paragraphs of the main text. Raises struct.error, ValueError, IndexError or KeyError if it is broken."""
    streams = read_streams(content, (DOCUMENT, *TABLES))
    document = streams[DOCUMENT]
    is_second = struct.unpack_from("<H", document, FLAGS_AT)[0] & SECOND_TABLE
    table = streams[TABLES[1] if is_second else TABLES[0]]
    text, runs = read_text(document, table)
    firsts, properties = read_properties(document, table)
    starts = [run.start for run in runs]
    begin = 0
    for mark in MARKS.finditer(text):
        run = runs[bisect_right(starts, mark.start()) - 1]
        place = run.at + (mark.start() - run.start) * run.width
        own = properties[bisect_right(firsts, place) - 1] if firsts and place >= firsts[0] else NO_PROPERTIES
        style = int.from_bytes(own[:2], "little")
        is_cell = mark[0] == "\x07"
        yield Paragraph(
            text[begin : mark.start()],
            style if style in HEADING_STYLES and IN_TABLE not in own else 0,
            is_cell or IN_TABLE in own,
            is_cell,
            is_cell and (ROW_END in own or (MORE in own and begin == mark.start())),
        )
        begin = mark.end()


def read_text(document: bytes, table: bytes) -> tuple[str, list[Run]]:
    """The main text, and where its pieces lie in the file."""
    length: int = struct.unpack_from("<i", document, TEXT_LENGTH_AT)[0]
    at, size = struct.unpack_from("<II", document, PIECES_AT)
    end = at + size
    # Before the list of pieces there may be lists of changes.
    while table[at] == 1 and at < end:
        at += 3 + struct.unpack_from("<H", table, at + 1)[0]
    count = (struct.unpack_from("<I", table, at + 1)[0] - 4) // 12
    places = struct.unpack_from(f"<{count + 1}I", table, at + 5)
    out: list[str] = []
    runs: list[Run] = []
    for number in range(count):
        first, last = places[number], min(places[number + 1], length)
        if first >= last:
            continue
        byte: int = struct.unpack_from("<I", table, at + 5 + 4 * (count + 1) + 8 * number + 2)[0]
        run = Run(first, (byte & ~ONE_BYTE) // 2, 1) if byte & ONE_BYTE else Run(first, byte, 2)
        raw = document[run.at : run.at + (last - first) * run.width]
        piece = raw.decode("cp1252" if run.width == 1 else "utf-16-le", "replace")
        if len(piece) != last - first:
            raise ValueError("a piece of another length than it says")
        out.append(piece)
        runs.append(run)
    return "".join(out), runs


def read_properties(document: bytes, table: bytes) -> tuple[list[int], list[bytes]]:
    """From which byte on which properties hold, each the number of a style and what differs from it."""
    at, size = struct.unpack_from("<II", document, PARAGRAPHS_AT)
    count = max(0, size - 4) // 8
    if count > MOST_PAGES:
        raise ValueError("more pages of properties than a document has")
    numbers = struct.unpack_from(f"<{count}I", table, at + 4 * (count + 1))
    firsts: list[int] = []
    found: list[bytes] = []
    for number in numbers:
        page = document[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]
        places = struct.unpack_from(f"<{page[-1]}I", page)
        for index, place in enumerate(places):
            start = page[4 * (page[-1] + 1) + 13 * index] * 2
            firsts.append(place)
            if start == 0:
                found.append(NO_PROPERTIES)
            elif page[start]:
                found.append(page[start + 1 : start + 2 * page[start]])
            else:
                found.append(page[start + 2 : start + 2 + 2 * page[start + 1]])
    return firsts, found


def find_tables(paragraphs: Sequence[Paragraph]) -> Iterator[list[list[str]]]:
    """The tables of at least two columns, each as its rows of cells."""
    rows: list[list[str]] = []
    cells: list[str] = []
    held: list[str] = []
    for each in paragraphs:
        if not each.is_in_table:
            yield from [rows] if is_table(rows) else []
            rows, cells, held = [], [], []
            continue
        held.append(each.text)
        if each.is_row_end:
            rows.append(cells)
            cells, held = [], []
        elif each.is_cell:
            cells.append(plain(" ".join(held)))
            held = []
    yield from [rows] if is_table(rows) else []


def is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the rows are more than a frame around some text."""
    return len(rows) > 1 and max(map(len, rows)) > 1


def plain(text: str) -> str:
    """A paragraph as people see it: without the commands of fields and without marks of notes and pictures."""
    return " ".join(CONTROLS.sub(" ", FIELD.sub("", text)).split())


def place_headings(text: str, headings: Sequence[tuple[int, str]]) -> str:
    """The Markdown with its lines that are headings marked as such, whatever the library took them for."""
    out: list[str] = []
    position = 0
    for line in text.split("\n"):
        own = " ".join(ITEM_MARKS.sub("", line, count=1).split())
        ahead = [heading for _, heading in headings[position : position + LOOK_AHEAD]]
        if own and own in ahead:
            position += ahead.index(own)
            out += [f"{'#' * min(headings[position][0], 6)} {own}", ""]
            position += 1
        elif line.strip() or not out or out[-1]:
            out.append(line)
    return "\n".join(out)


def place_tables(text: str, tables: Sequence[Sequence[Sequence[str]]]) -> str:
    """The Markdown with each table in the place of its words, which the library leaves one after the other."""
    words = list(WORD.finditer(text))
    shown = [word[0] for word in words]
    out: list[str] = []
    done = written = 0
    for rows in tables:
        wanted = [word for row in rows for cell in row for word in cell.split()]
        found = find_words(shown, wanted, done)
        if found is None:
            continue
        done = found + len(wanted)
        width = max(map(len, rows))
        filled = [[*row, *[""] * (width - len(row))] for row in rows]
        out += [text[written : words[found].start()].rstrip(), "\n\n", table_markdown(filled), "\n\n"]
        written = words[done].start() if done < len(words) else len(text)
    return "".join([*out, text[written:]])


def find_words(shown: Sequence[str], wanted: Sequence[str], start: int) -> int | None:
    """Where these words stand one after the other, None if nowhere."""
    tried = 0
    while wanted and tried < MOST_TRIES:
        try:
            start = shown.index(wanted[0], start)
        except ValueError:
            return None
        if shown[start : start + len(wanted)] == wanted:
            return start
        start, tried = start + 1, tried + 1
    return None
