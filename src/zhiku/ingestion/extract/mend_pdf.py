"""The lines of a PDF page put together to paragraphs and headings (pure: it knows lines, not files)."""

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

# What PDFium puts where a line ended in a hyphen.
HYPHEN = "\ufffe"
BROKEN_WORD = re.compile(rf"([^\s{HYPHEN}]{{0,80}}){HYPHEN}\s*(?=(\S{{0,80}}))")
# Scripts written without spaces, with their punctuation.
UNSPACED = re.compile(r"[\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
LIST_START = re.compile(
    r"(?:[•◦▪‣·●○■□◆*–—-]\s|\(?\d{1,3}(?:[-.]\d{1,3})*[.)、．：:]\D|[(（]?[一二三四五六七八九十百]{1,4}[)）、．]|第[一二三四五六七八九十百\d]+[章节条]"
    r"|[①-⑳]|[a-zA-Z][.)]\s)"
)

BULLET = re.compile(r"[•◦▪‣●○■□◆] ?(?=\S)")

# As parts of the size of the letters: nearer pieces are one word, or one line.
WORD_SPACE, LETTER_SPACE = 0.15, 0.4
HEADING_CHARS = 120
# A column narrower than this many letters is a list, an address or a poem, whose lines mean something.
NARROW = 15
# In points: an indent is narrower, columns are further apart.
STRIP = 24
# Where a program wrote a page in more runs than this, it is a drawing; its order is left alone.
MOST_RUNS = 400
# Sizes relative to the size most of the text has, from the largest heading down.
HEADING_SIZES = ((1.6, "# "), (1.3, "## "), (1.12, "### "))


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands on the page, in points, y upwards.

    `size` is that of its font, `gap` the widest empty space within the line. A block is no line of text but a whole
    table or picture, as the Markdown it becomes.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    gap: float = 0.0
    is_block: bool = False


def body_size(lines: Iterable[Line]) -> float:
    """The font size that most characters have, rounded to half a point; 0 without lines."""
    counts: Counter[float] = Counter()
    for line in lines:
        if line.is_block:
            continue
        counts[round(line.size * 2) / 2] += len(line.text)
    return counts.most_common(1)[0][0] if counts else 0.0


def join_pieces(lines: Iterable[Line]) -> list[Line]:
    """The lines with those made one that go on where the one before ends, as behind a raised number."""
    joined: list[Line] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is None or not goes_on(before, line):
            joined.append(line)
            continue
        space = " " if line.left - before.right > WORD_SPACE * line.size else ""
        joined[-1] = replace(
            before,
            text=f"{before.text}{space}{line.text}",
            right=line.right,
            bottom=min(before.bottom, line.bottom),
            top=max(before.top, line.top),
            gap=max(before.gap, line.gap),
        )
    return joined


def goes_on(before: Line, line: Line) -> bool:
    """Whether a line begins where the one before it ends, at the same height."""
    shared = min(before.top, line.top) - max(before.bottom, line.bottom)
    beside = -LETTER_SPACE * line.size <= line.left - before.right <= LETTER_SPACE * line.size
    return beside and shared > 0.5 * min(before.top - before.bottom, line.top - line.bottom)


def page_text(lines: Sequence[Line], body: float) -> str:
    """The page as Markdown: paragraphs apart by an empty line, the lines of tables and addresses one below the other.

    `body` is the document's `body_size`; larger lines become headings.
    """
    blocks: list[str] = []
    edges = right_edges(lines)
    for run in reading_order(lines):
        blocks += run_blocks(run, edges, body)
    return "\n\n".join(blocks)


def reading_order(lines: Sequence[Line]) -> list[list[Line]]:
    """The lines in runs that go down the page, in the order to read them.

    The order in the file is right for columns and tables, but some programs write titles, headers and footers at
    odd places: a run moves up only over runs that lie wholly below it.
    """
    runs: list[list[Line]] = []
    for line in lines:
        if runs and line.bottom < runs[-1][-1].top and not jumps(runs[-1][-1], line):
            runs[-1].append(line)
        else:
            runs.append([line])
    if len(runs) > MOST_RUNS:
        return runs
    ordered: list[list[Line]] = []
    for run in runs:
        place = len(ordered)
        while place and lowest(run) >= highest(ordered[place - 1]):
            place -= 1
        ordered.insert(place, run)
    return ordered


def jumps(before: Line, line: Line) -> bool:
    """Whether a line stands apart from the one before it: far below it, or beside it."""
    far = before.bottom - line.top > 6 * max(before.size, line.size)
    beside = line.bottom >= before.bottom and line.left > before.right
    return far and not beside


def lowest(run: Sequence[Line]) -> float:
    """The y of a run's bottom."""
    return min(line.bottom for line in run)


def highest(run: Sequence[Line]) -> float:
    """The y of a run's top."""
    return max(line.top for line in run)


def run_blocks(run: Sequence[Line], edges: dict[int, float], body: float) -> list[str]:
    """The paragraphs, headings and groups of single lines of one run."""
    text_lines = [line for line in run if not line.is_block]
    steps = [above.bottom - below.bottom for above, below in itertools.pairwise(text_lines)]
    usual = statistics.median(steps) if steps else 0.0
    blocks: list[list[Line]] = []
    texts: list[str] = []
    for line in run:
        before = blocks[-1][-1] if blocks else None
        if before is None or starts_block(before, line, usual):
            blocks.append([line])
            texts.append(line.text)
        else:
            joined = continues(before, line, right_edge(before, edges))
            texts[-1] = join_lines(texts[-1], line.text) if joined else f"{texts[-1]}\n{line.text}"
            blocks[-1].append(line)
    return [
        text if block[0].is_block else heading_mark(block, text, body) + mend_items(mend_hyphens(text))
        for block, text in zip(blocks, texts, strict=True)
    ]


def starts_block(before: Line, line: Line, usual: float) -> bool:
    """Whether a line is further from the one before it than lines are here, of another size, or no line of text."""
    if before.is_block or line.is_block:
        return True
    step = before.bottom - line.bottom
    apart = step > 1.25 * usual and step > 1.5 * min(before.size, line.size)
    return apart or abs(before.size - line.size) > 0.12 * max(before.size, line.size)


def right_edges(lines: Sequence[Line]) -> dict[int, float]:
    """How far to the right lines go that begin in each strip of the page."""
    edges: dict[int, float] = {}
    for line in lines:
        if line.is_block:
            continue
        strip = int(line.left // STRIP)
        edges[strip] = max(line.right, edges.get(strip, line.right))
    return edges


def right_edge(line: Line, edges: dict[int, float]) -> float:
    """Where the column of a line ends: the furthest that lines with about the same left edge go."""
    strip = int(line.left // STRIP)
    return max(edges.get(near, line.right) for near in (strip - 1, strip, strip + 1))


def continues(before: Line, line: Line, right: float) -> bool:
    """Whether a line goes on with the sentence of the one before it, which then had no room for its first word."""
    if LIST_START.match(line.text) or is_row(before) or is_row(line):
        return False
    if right - before.left < NARROW * before.size:
        return False
    word = 1 if UNSPACED.match(line.text) else len(line.text.split(" ", 1)[0]) + 1
    wide = (line.right - line.left) / len(line.text)
    if before.right + word * wide < right - 0.5 * before.size:
        return False
    # An indented first line begins a paragraph, but the line below a hanging item is indented too.
    return line.left < before.left + 0.8 * line.size or bool(LIST_START.match(before.text))


def is_row(line: Line) -> bool:
    """Whether a line is the row of a table: its cells stand further apart than words do."""
    return line.gap > 1.5 * line.size


def join_lines(before: str, line: str) -> str:
    """Two lines as one, with a space between them where the script has spaces."""
    if before.endswith(HYPHEN) or UNSPACED.match(before[-1:]) or UNSPACED.match(line[:1]):
        return before + line
    return f"{before} {line}"


def mend_items(text: str) -> str:
    """The block with its bullets as Markdown writes them."""
    return "\n".join(BULLET.sub("- ", line, count=1) if BULLET.match(line) else line for line in text.split("\n"))


def mend_hyphens(text: str) -> str:
    """Words whole again that were broken at a line's end; a hyphen of the word's own stays."""

    def mend(found: re.Match[str]) -> str:
        own = bool(re.search(r"[-/\d_.]", found[1]) or re.search(r"[/_\d]", found[2]))
        return found[1] + ("-" if own else "")

    return BROKEN_WORD.sub(mend, text)


def heading_mark(block: Sequence[Line], text: str, body: float) -> str:
    """The Markdown mark of a block whose letters are larger than the text's, empty for others."""
    if len(text) > HEADING_CHARS or "\n" in text:
        return ""
    size = min(line.size for line in block)
    return next((mark for larger, mark in HEADING_SIZES if size >= larger * body), "")
