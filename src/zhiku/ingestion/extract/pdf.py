"""Reads a PDF's text layer with PDFium, page by page; runs only in a limited child process."""

import ctypes
import itertools
import math
from array import array
from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED, NO_TEXT, damaged
from zhiku.ingestion.extract.mend_pdf import HYPHEN, Line, body_size, join_lines, join_pieces, mend_hyphens, page_text
from zhiku.ingestion.extract.mend_pdf_table import Box, Grid, find_grids
from zhiku.ingestion.extract.mend_table import table_markdown
from zhiku.ingestion.extract.parts import Part, PartKind
from zhiku.ingestion.extract.pdf_drawn import Drawn, box_of, is_image, is_whole_page
from zhiku.ingestion.extract.pictures import Pictures

# In points: what reaches that far into something else only touches it.
OVERLAP = 3.0
# In cells shorter lines are apart on purpose, such as names one below the other.
SHORT_CHARS = 8
LINE_ENDS = (0x0A, 0x0D)


def read_pdf(content: bytes, extension: str, pictures: Pictures) -> list[Part]:
    """A part for each page with text. Raises DocumentUnreadable if there is none, or the file is locked or broken."""
    try:
        with pypdfium2.PdfDocument(content) as document:
            drawn = Drawn()
            pages = [read_lines(document, number, drawn, pictures) for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentUnreadable(ENCRYPTED) from error
        raise DocumentUnreadable(damaged(extension)) from error
    body = body_size(line for page in pages for line in page)
    parts = [Part(page_text(lines, body), number, PartKind.PAGE) for number, lines in enumerate(pages, 1) if lines]
    if not parts:
        raise DocumentUnreadable(NO_TEXT)
    return parts


def read_lines(document: pypdfium2.PdfDocument, number: int, drawn: Drawn, pictures: Pictures) -> list[Line]:
    """The lines of a page (counted from 0) in the file's order, its tables and pictures among them."""
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            lines = join_pieces(lines_of(text_page))
            return place_drawn(page, text_page, lines, drawn, pictures) if lines else []
        finally:
            text_page.close()
    finally:
        page.close()


def place_drawn(
    page: pypdfium2.PdfPage, text_page: pypdfium2.PdfTextPage, lines: list[Line], drawn: Drawn, pictures: Pictures
) -> list[Line]:
    """The lines with each ruled table in the place of its own lines, and each picture behind what is above it."""
    objects = drawn.objects(page)
    for grid in find_grids(drawn.straight_lines(objects)):
        lines = place_table(text_page, lines, grid)
    for image in filter(is_image, objects):
        box = box_of(image)
        if is_whole_page(box, page) or not (mark := pictures.mark("", drawn.read_picture(image))):
            continue
        above = [place for place, line in enumerate(lines, 1) if line.bottom >= box[3] - OVERLAP]
        lines.insert(max(above, default=0), block_line(mark, box))
    return lines


def place_table(text_page: pypdfium2.PdfTextPage, lines: list[Line], grid: Grid) -> list[Line]:
    """The lines with the table instead of those inside of it; as they are if that would lose or cut any of the text."""
    inside = [line for line in lines if is_inside(line, grid.box) and not line.is_block]
    left, _, right, _ = grid.box
    if not inside or any(line.left < left - OVERLAP or line.right > right + OVERLAP for line in inside):
        return lines
    rows = grid.rows(lambda box: read_cell(text_page, box))
    found = sorted("".join("".join(row) for row in rows).replace(" ", "").replace("-", ""))
    meant = sorted("".join(line.text for line in inside).replace(" ", "").replace("-", "").replace(HYPHEN, ""))
    if len(rows) < 2 or found != meant:
        return lines
    table = block_line(table_markdown(rows), grid.box)
    first = lines.index(inside[0])
    kept = [line for line in lines if line not in inside]
    kept.insert(sum(line not in inside for line in lines[:first]), table)
    return kept


def read_cell(text_page: pypdfium2.PdfTextPage, box: Box) -> str:
    """The text in a box; lines of Chinese that were broken because they are long are whole again."""
    lines = text_page.get_text_bounded(*box).replace("\0", "").replace("\x02", HYPHEN).split("\n")
    text = ""
    for line in (line.strip() for line in lines):
        text = join_lines(text, line) if len(text) > SHORT_CHARS else f"{text} {line}"
    return mend_hyphens(text)


def is_inside(line: Line, box: Box) -> bool:
    """Whether the middle of a line is in the box's height, and any of it in its width."""
    return box[1] <= (line.bottom + line.top) / 2 <= box[3] and line.right > box[0] and line.left < box[2]


def block_line(text: str, box: Box) -> Line:
    """A table or picture as a line that stands alone."""
    return Line(text, left=box[0], right=box[2], bottom=box[1], top=box[3], size=0, is_block=True)


def lines_of(text_page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    """The lines of a page's text with their places."""
    count = text_page.count_chars()
    start = 0
    for end in [*line_ends(text_page, count), count]:
        if end > start and (line := place_line(text_page, start, end)):
            yield line
        start = end + 1


def line_ends(text_page: pypdfium2.PdfTextPage, count: int) -> list[int]:
    """The places of the line ends among the page's characters."""
    units = array("H", text_page.get_text_range().encode("utf-16-le", "surrogatepass"))
    ends = [place for place, unit in enumerate(units) if unit in LINE_ENDS]
    # Characters of which nobody knows what they mean are left out of the text; then each is asked for, which is slow.
    if len(units) == count and all(raw.FPDFText_GetUnicode(text_page, end) in LINE_ENDS for end in ends):
        return ends
    return [place for place in range(count) if raw.FPDFText_GetUnicode(text_page, place) in LINE_ENDS]


def place_line(text_page: pypdfium2.PdfTextPage, start: int, end: int) -> Line | None:
    """The characters from `start` up to `end` as a line, None if they are all white space."""
    text = text_page.get_text_range(start, end - start) if end > start else ""
    text = " ".join(text.replace("\0", "").replace("\x02", "\ufffe").split())
    if not text:
        return None
    boxes = sorted(text_page.get_rect(n) for n in range(text_page.count_rects(start, end - start)))
    if not boxes:
        return None
    return Line(
        text=text,
        left=boxes[0][0],
        right=max(box[2] for box in boxes),
        bottom=min(box[1] for box in boxes),
        top=max(box[3] for box in boxes),
        size=font_size(text_page, start),
        gap=max((after[0] - before[2] for before, after in itertools.pairwise(boxes)), default=0.0),
    )


def font_size(text_page: pypdfium2.PdfTextPage, position: int) -> float:
    """The size of a character's font as it appears: many programs declare 1 and scale the text instead."""
    matrix = raw.FS_MATRIX()
    if not raw.FPDFText_GetMatrix(text_page, position, ctypes.byref(matrix)):
        return 0.0
    return raw.FPDFText_GetFontSize(text_page, position) * math.hypot(matrix.c, matrix.d)
