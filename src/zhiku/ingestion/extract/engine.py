"""Reads a file of any kind into parts and pictures; runs only in a limited child process."""

import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import xberg

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.decode import decode_text, load_codecs
from zhiku.ingestion.extract.detect import NO_TEXT, Kind, damaged, detect_kind
from zhiku.ingestion.extract.library import TOO_COMPLEX, ParserPanic, run_library
from zhiku.ingestion.extract.mend_doc import mend_doc
from zhiku.ingestion.extract.mend_docx import mark_breaks, mend_notes, unmark_breaks
from zhiku.ingestion.extract.mend_eml import mend_eml
from zhiku.ingestion.extract.mend_epub import read_chapters
from zhiku.ingestion.extract.mend_html import (
    is_too_deep,
    join_source_lines,
    mark_empty_blocks,
    mend_links,
    unmark_blocks,
)
from zhiku.ingestion.extract.mend_markdown import mend_markdown
from zhiku.ingestion.extract.mend_odt import mend_odt
from zhiku.ingestion.extract.mend_slides import cut_slides, headline
from zhiku.ingestion.extract.mend_table import mend_csv, table_lines
from zhiku.ingestion.extract.mend_text import mend_mdx, mend_subtitles, unescape_unicode
from zhiku.ingestion.extract.parts import PICTURE, Extraction, Part, PartKind
from zhiku.ingestion.extract.pdf import read_pdf
from zhiku.ingestion.extract.pictures import Pictures

TEXT_KINDS: dict[Kind, Callable[[str], str]] = {
    Kind.TXT: str,
    Kind.MD: str,
    Kind.MDX: mend_mdx,
    Kind.JSON: unescape_unicode,
    Kind.PROPERTIES: unescape_unicode,
    Kind.SUBTITLES: mend_subtitles,
    Kind.CSV: mend_csv,
}
XML_ENCODING = re.compile(r"""^(\s*<\?xml\b[^>]{0,200}?)\s+encoding\s*=\s*["'][^"']{0,100}["']""", re.IGNORECASE)
BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError)

# The children can open no file, so nothing may be left to load: names in archives are in code page 437.
load_codecs()


@dataclass(frozen=True, slots=True)
class File:
    """What is read: `extension` is what the name claims, `kind` what it is; its pictures are collected on the way."""

    content: bytes
    kind: Kind
    extension: str
    pictures: Pictures = field(default_factory=Pictures)


def read_file(content: bytes, extension: str) -> Extraction:
    """What a file holds; raises DocumentUnreadable with a message for its owner."""
    file = File(content, detect_kind(content, extension), extension)
    try:
        parts = READERS.get(file.kind, read_document)(file)
    except BROKEN_ARCHIVE as error:
        raise DocumentUnreadable(damaged(extension)) from error
    found = file.pictures.found
    if found and not any(PICTURE.sub("", part.text).strip() for part in parts):
        raise DocumentUnreadable(NO_TEXT)
    return Extraction(parts, found)


def read_document(file: File) -> list[Part]:
    """What the library makes of a document, as one part; text needs no library."""
    if file.kind in TEXT_KINDS:
        return [Part(TEXT_KINDS[file.kind](decode_text(file.content)))]
    return [Part(markdown(file, run_library(file.content, file.kind, file.extension)))]


def markdown(file: File, document: xberg.ExtractedDocument, text: str | None = None) -> str:
    """The document's Markdown, or that of a part of it, mended and with its pictures in their places."""
    placed = file.pictures.place_extracted(
        document.content if text is None else text, [image.data for image in document.images or []]
    )
    return mend_markdown(placed)


def read_word(file: File) -> list[Part]:
    """A Word file with its line breaks and notes."""
    document = run_library(mark_breaks(file.content), file.kind, file.extension)
    return [Part(unmark_breaks(mend_notes(markdown(file, document))))]


def read_old_word(file: File) -> list[Part]:
    """An older Word file with its headings and tables."""
    return [Part(mend_doc(markdown(file, run_library(file.content, file.kind, file.extension)), file.content))]


def read_open_document(file: File) -> list[Part]:
    """An OpenDocument text with its notes and lists."""
    return [Part(markdown(file, run_library(mend_odt(file.content), file.kind, file.extension)))]


def read_book(file: File) -> list[Part]:
    """An EPUB, one chapter after the other."""
    if chapters := read_chapters(file.content):
        text = "\n\n".join(read_markup(file, chapter, Kind.HTML).strip() for chapter in chapters)
    else:
        text = markdown(file, run_library(file.content, file.kind, file.extension))
    return [Part(file.pictures.place_members(text, file.content))]


def read_mail(file: File) -> list[Part]:
    """An e-mail's headers and its message."""
    letter = mend_eml(file.content)
    body = read_markup(file, letter.body, Kind.HTML) if letter.is_html else letter.body
    return [Part(f"{letter.headers}\n\n{body}".strip())]


def read_page(file: File) -> list[Part]:
    """HTML or XML."""
    return [Part(read_markup(file, decode_text(file.content), file.kind))]


def read_markup(file: File, text: str, kind: Kind) -> str:
    """The readable text of HTML or XML, which says nothing any more of the encoding it had."""
    text = XML_ENCODING.sub(r"\1", text, count=1)
    if kind is Kind.HTML:
        if is_too_deep(text):
            raise DocumentUnreadable(TOO_COMPLEX)
        text = join_source_lines(text)
    try:
        found = run_library(text.encode("utf-8", "replace"), kind, file.extension).content
    except ParserPanic:
        marked = mark_empty_blocks(text).encode("utf-8", "replace")
        found = unmark_blocks(run_library(marked, kind, file.extension).content)
    return mend_links(mend_markdown(file.pictures.place_data(found)))


def read_sheets(file: File) -> list[Part]:
    """A part for each sheet with text, its rows as lines."""
    document = run_library(file.content, file.kind, file.extension)
    rows: dict[int, list[str]] = {}
    for table in document.tables:
        rows.setdefault(table.page_number, []).extend(table_lines(table.cells))
    names = {page.page_number: page.sheet_name or "" for page in document.pages or []}
    parts = [
        Part("\n".join(lines).replace("\0", ""), number, PartKind.SHEET, names.get(number, ""))
        for number, lines in sorted(rows.items())
        if lines
    ]
    return parts or [Part(markdown(file, document))]


def read_presentation(file: File) -> list[Part]:
    """A part for each slide with text, the speaker's notes below it."""
    document = run_library(file.content, file.kind, file.extension)
    parts: list[Part] = []
    for page in document.pages or []:
        text = markdown(file, document, page.content)
        if notes := (page.speaker_notes or "").strip():
            text = f"{text.rstrip()}\n\n{mend_markdown(notes)}"
        parts.append(Part(text, page.page_number, PartKind.SLIDE, headline(text)))
    return [part for part in parts if part.text.strip()] or [Part(markdown(file, document))]


def read_cut_presentation(file: File) -> list[Part]:
    """As `read_presentation`, for formats whose slides the library gives as one text."""
    document = run_library(file.content, file.kind, file.extension)
    slides = cut_slides(markdown(file, document), has_names=file.kind is Kind.ODP)
    parts = [Part(text, number, PartKind.SLIDE, headline(text)) for number, text in enumerate(slides, 1)]
    return [part for part in parts if part.text.strip()] or [Part("")]


def read_pdf_pages(file: File) -> list[Part]:
    """A part for each page with text."""
    return read_pdf(file.content, file.extension, file.pictures)


READERS: dict[Kind, Callable[[File], list[Part]]] = {
    Kind.DOCX: read_word,
    Kind.DOC: read_old_word,
    Kind.ODT: read_open_document,
    Kind.EPUB: read_book,
    Kind.EML: read_mail,
    Kind.HTML: read_page,
    Kind.XML: read_page,
    Kind.XLSX: read_sheets,
    Kind.XLS: read_sheets,
    Kind.ODS: read_sheets,
    Kind.PPTX: read_presentation,
    Kind.PPT: read_cut_presentation,
    Kind.ODP: read_cut_presentation,
    Kind.PDF: read_pdf_pages,
}
