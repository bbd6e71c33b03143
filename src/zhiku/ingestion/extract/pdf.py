"""Reads a PDF's text layer with PDFium, page by page; runs only in a limited child process."""

import ctypes
import itertools
import math
from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED, NO_TEXT, damaged
from zhiku.ingestion.extract.mend_pdf import Line, body_size, page_text
from zhiku.ingestion.extract.parts import Part, PartKind
from zhiku.ingestion.extract.pictures import Pictures


def read_pdf(content: bytes, extension: str, pictures: Pictures) -> list[Part]:
    """A part for each page with text. Raises DocumentUnreadable if there is none, or the file is locked or broken."""
    try:
        with pypdfium2.PdfDocument(content) as document:
            pages = [read_lines(document, number) for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise DocumentUnreadable(ENCRYPTED) from error
        raise DocumentUnreadable(damaged(extension)) from error
    body = body_size(line for page in pages for line in page)
    parts = [Part(page_text(lines, body), number, PartKind.PAGE) for number, lines in enumerate(pages, 1) if lines]
    if not parts:
        raise DocumentUnreadable(NO_TEXT)
    return parts


def read_lines(document: pypdfium2.PdfDocument, number: int) -> list[Line]:
    """The lines of a page (counted from 0) in the file's order, empty ones left out."""
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            return list(lines_of(text_page))
        finally:
            text_page.close()
    finally:
        page.close()


def lines_of(text_page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    """The lines of a page's text with their places."""
    count = text_page.count_chars()
    start = 0
    while start < count:
        end = start
        while end < count and raw.FPDFText_GetUnicode(text_page, end) not in (0x0A, 0x0D):
            end += 1
        if line := place_line(text_page, start, end):
            yield line
        start = end + 1


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
