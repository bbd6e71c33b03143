"""Reads a file with the xberg library; runs only in a limited child process."""

import asyncio
import re
import zipfile
import zlib
from collections.abc import Callable

import xberg

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.decode import decode_text, load_codecs
from zhiku.ingestion.extract.detect import ENCRYPTED, Kind, damaged, detect_kind
from zhiku.ingestion.extract.mend_docx import mark_breaks, unmark_breaks
from zhiku.ingestion.extract.mend_eml import mend_eml
from zhiku.ingestion.extract.mend_html import is_too_deep
from zhiku.ingestion.extract.mend_markdown import mend_markdown
from zhiku.ingestion.extract.mend_table import mend_csv, table_lines
from zhiku.ingestion.extract.mend_text import mend_mdx, mend_subtitles, unescape_unicode
from zhiku.ingestion.extract.parts import Part
from zhiku.ingestion.extract.pdf import read_pdf

TOO_COMPLEX = "The file unpacks to more than is allowed or is nested too deeply. Simplify it and upload it again."

OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN_DOCUMENT = "application/vnd.oasis.opendocument"
MEDIA_TYPES = {
    Kind.HTML: "text/html",
    Kind.XML: "application/xml",
    Kind.RTF: "application/rtf",
    Kind.DOCX: f"{OFFICE}.wordprocessingml.document",
    Kind.XLSX: f"{OFFICE}.spreadsheetml.sheet",
    Kind.PPTX: f"{OFFICE}.presentationml.presentation",
    Kind.ODT: f"{OPEN_DOCUMENT}.text",
    Kind.ODS: f"{OPEN_DOCUMENT}.spreadsheet",
    Kind.ODP: f"{OPEN_DOCUMENT}.presentation",
    Kind.EPUB: "application/epub+zip",
    Kind.XLS: "application/vnd.ms-excel",
    Kind.DOC: "application/msword",
    Kind.PPT: "application/vnd.ms-powerpoint",
    Kind.MSG: "application/vnd.ms-outlook",
}
TEXT_KINDS: dict[Kind, Callable[[str], str]] = {
    Kind.TXT: str,
    Kind.MD: str,
    Kind.MDX: mend_mdx,
    Kind.JSON: unescape_unicode,
    Kind.PROPERTIES: unescape_unicode,
    Kind.SUBTITLES: mend_subtitles,
    Kind.CSV: mend_csv,
}
SHEET_KINDS = (Kind.XLSX, Kind.XLS, Kind.ODS)
SLIDE_KINDS = (Kind.PPTX, Kind.PPT, Kind.ODP)
XML_ENCODING = re.compile(r"""^(\s*<\?xml\b[^>]{0,200}?)\s+encoding\s*=\s*["'][^"']{0,100}["']""", re.IGNORECASE)
TABLE_CELLS = 5_000_000
# The library's own depth for HTML is below 100, which real pages reach; the fork server gives it the stack for more.
DEPTH = 500

# The children can open no file, so nothing may be left to load: names in archives are in code page 437.
load_codecs()


def extract_parts(content: bytes, extension: str) -> list[Part]:
    """The parts of a file; raises DocumentUnreadable with a message for its owner."""
    kind = detect_kind(content, extension)
    if kind is Kind.PDF:
        return read_pdf(content, extension)
    if kind in TEXT_KINDS:
        return [Part(TEXT_KINDS[kind](decode_text(content)))]
    if kind is Kind.EML:
        return [Part(read_letter(content, extension))]
    if kind in (Kind.HTML, Kind.XML):
        return [Part(read_markup(decode_text(content), kind, extension))]
    if kind is Kind.DOCX:
        return [Part(read_word(content, extension))]
    document = run_library(content, kind, extension)
    if kind in SHEET_KINDS:
        return sheet_parts(document)
    if kind in SLIDE_KINDS:
        return slide_parts(document)
    return [Part(mend_markdown(document.content))]


def read_word(content: bytes, extension: str) -> str:
    """A Word file's text with its line breaks."""
    try:
        marked = mark_breaks(content)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise DocumentUnreadable(damaged(extension)) from error
    return unmark_breaks(mend_markdown(run_library(marked, Kind.DOCX, extension).content))


def read_letter(content: bytes, extension: str) -> str:
    """An e-mail's headers and its message."""
    letter = mend_eml(content)
    body = read_markup(letter.body, Kind.HTML, extension) if letter.is_html else letter.body
    return f"{letter.headers}\n\n{body}".strip()


def read_markup(text: str, kind: Kind, extension: str) -> str:
    """The readable text of HTML or XML, which says nothing any more of the encoding it had."""
    if kind is Kind.HTML and is_too_deep(text):
        raise DocumentUnreadable(TOO_COMPLEX)
    content = XML_ENCODING.sub(r"\1", text, count=1).encode("utf-8", "replace")
    return mend_markdown(run_library(content, kind, extension).content)


def run_library(content: bytes, kind: Kind, extension: str) -> xberg.ExtractedDocument:
    """The library's document; its errors become messages that say what to do."""
    given = xberg.ExtractInput(kind="bytes", bytes=content, mime_type=MEDIA_TYPES[kind])
    try:
        result = asyncio.run(xberg.extract(given, library_options()))
    except RuntimeError as error:
        raise DocumentUnreadable(explain(str(error), extension)) from error
    if not result.results:
        raise DocumentUnreadable(explain(" ".join(item.message for item in result.errors), extension))
    return result.results[0]


def library_options() -> xberg.ExtractionConfig:
    """Markdown, page by page, on one thread; nothing that guesses, caches, or needs a model or a network."""
    return xberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        disable_ocr=True,
        output_format="markdown",
        escape_markdown=False,
        mime_detection_policy="prefer_content",
        pages=xberg.PageConfig(extract_pages=True),
        content_filter=xberg.ContentFilterConfig(include_footnotes=True),
        html_options=xberg.ConversionOptions(extract_metadata=False, max_depth=DEPTH),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
        security_limits=xberg.SecurityLimits(max_table_cells=TABLE_CELLS),
        max_archive_depth=0,
    )


def explain(message: str, extension: str) -> str:
    """The library's message as one for the file's owner."""
    lowered = message.lower()
    if "encrypt" in lowered or "password" in lowered:
        return ENCRYPTED
    if any(word in lowered for word in ("security", "limit", "bomb", "exceed", "too deep", "ratio")):
        return TOO_COMPLEX
    return damaged(extension)


def sheet_parts(document: xberg.ExtractedDocument) -> list[Part]:
    """A part for each sheet with text, its rows as lines."""
    tables: dict[int, list[str]] = {}
    for table in document.tables:
        tables.setdefault(table.page_number, []).extend(table_lines(table.cells))
    parts = [Part("\n".join(lines).replace("\0", ""), page) for page, lines in sorted(tables.items()) if lines]
    return parts or [Part(mend_markdown(document.content))]


def slide_parts(document: xberg.ExtractedDocument) -> list[Part]:
    """A part for each slide with text."""
    parts = [Part(mend_markdown(page.content), page.page_number) for page in document.pages or []]
    return [part for part in parts if part.text.strip()] or [Part(mend_markdown(document.content))]
