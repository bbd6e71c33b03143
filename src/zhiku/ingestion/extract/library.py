"""Calls the xberg library and turns its errors into messages for people; runs only in a limited child process."""

import asyncio

import xberg

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED, Kind, damaged

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
PANIC = "internal panic"
TABLE_CELLS = 5_000_000
# Sheets and texts that repeat themselves reach 200; what unpacks to too much is refused by its size before.
RATIO = 2000
# The library's own depth for HTML is below 100, which real pages reach; the fork server gives it the stack for more.
DEPTH = 500


class ParserPanic(DocumentUnreadable):
    """The library found itself broken; the file may be right, and readable when it is written differently."""


def run_library(content: bytes, kind: Kind, extension: str) -> xberg.ExtractedDocument:
    """The library's document. Raises DocumentUnreadable with a message that says what to do, or ParserPanic."""
    given = xberg.ExtractInput(kind="bytes", bytes=content, mime_type=MEDIA_TYPES[kind])
    try:
        result = asyncio.run(xberg.extract(given, library_options()))
    except RuntimeError as error:
        if PANIC in str(error).lower():
            raise ParserPanic(damaged(extension)) from error
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
        images=xberg.ImageExtractionConfig(extract_images=True, classify=False, run_ocr_on_images=False),
        pages=xberg.PageConfig(extract_pages=True),
        content_filter=xberg.ContentFilterConfig(include_footnotes=True),
        html_options=xberg.ConversionOptions(extract_metadata=False, max_depth=DEPTH, compact_tables=True),
        concurrency=xberg.ConcurrencyConfig(max_threads=1),
        security_limits=xberg.SecurityLimits(max_table_cells=TABLE_CELLS, max_compression_ratio=RATIO),
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
