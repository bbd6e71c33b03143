"""The type of a file is decided by what is in it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.ingestion.extract.office_files import docx, epub, odt, pptx, xlsx, zip_of
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import Kind, detect_kind, supported_extensions
from zhiku.ingestion.extract.parts import EMPTY

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def test_every_extension_the_contract_names_is_accepted() -> None:
    promised = "txt markdown md mdx pdf html htm xlsx xls vtt properties docx csv pptx xml epub json eml"
    assert set(promised.split()) <= supported_extensions()
    assert all(extension == extension.lower().strip(".") for extension in supported_extensions())


def test_asking_for_the_extensions_loads_no_parser() -> None:
    code = (
        "import sys; from zhiku.ingestion.extract.detect import supported_extensions; supported_extensions(); "
        "print([name for name in ('xberg', 'pypdfium2', 'asyncio', 'msgspec') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (docx(), Kind.DOCX),
        (xlsx({}), Kind.XLSX),
        (pptx([]), Kind.PPTX),
        (epub([]), Kind.EPUB),
        (odt(), Kind.ODT),
        (b"junk before\n%PDF-1.4\nstartxref", Kind.PDF),
        (b" {\\rtf1 x}", Kind.RTF),
        (OLE + "WordDocument\0".encode("utf-16-le"), Kind.DOC),
        (OLE + "Workbook\0".encode("utf-16-le"), Kind.XLS),
        (OLE + "PowerPoint Document\0".encode("utf-16-le"), Kind.PPT),
    ],
)
def test_binary_formats_are_known_by_their_content(content: bytes, kind: Kind) -> None:
    assert detect_kind(content, "txt") is kind


@pytest.mark.parametrize(
    ("extension", "kind"),
    [("md", Kind.MD), ("mdx", Kind.MDX), ("tsv", Kind.CSV), ("jsonl", Kind.JSON), ("srt", Kind.SUBTITLES)],
)
def test_text_formats_are_known_by_their_name(extension: str, kind: Kind) -> None:
    assert detect_kind(b"text", extension) is kind


WEB_PAGE = b"<!-- saved --><!DOCTYPE html>\n<title>x</title>"


@pytest.mark.parametrize(
    ("content", "extension", "kind"),
    [
        (WEB_PAGE, "txt", Kind.HTML),
        (WEB_PAGE, "csv", Kind.HTML),
        (WEB_PAGE, "xls", Kind.HTML),
        (WEB_PAGE, "doc", Kind.HTML),
        (b'<?xml version="1.0"?>\n' + WEB_PAGE, "xml", Kind.HTML),
        (WEB_PAGE.decode().encode("utf-16"), "txt", Kind.HTML),
        (WEB_PAGE, "md", Kind.MD),
        (WEB_PAGE, "json", Kind.JSON),
        (b"1 < 2, and no mark of a page anywhere", "html", Kind.TXT),
        (b'{"not": "XML"}', "xml", Kind.TXT),
        (b"<p>a piece of a page", "html", Kind.HTML),
        (b"<p>a piece of a page", "txt", Kind.TXT),
        (b"a\tb\n1\t2", "xls", Kind.CSV),
        (b"a;b\n1;2", "xlsx", Kind.CSV),
        (b"Date: today\nSubject: Exported\n page\nMIME-Version: 1.0\n", "doc", Kind.EML),
        (b"A letter.\nMIME-Version: is a header.", "doc", Kind.TXT),
        (b"The first bytes are %PDF-1.7 in every such file.", "txt", Kind.TXT),
    ],
)
def test_what_programs_and_people_name_wrongly_is_read_as_what_it_is(
    content: bytes, extension: str, kind: Kind
) -> None:
    assert detect_kind(content, extension) is kind


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        detect_kind(b"", "txt")
    assert str(caught.value) == EMPTY


def test_an_archive_with_a_password_is_refused_as_encrypted() -> None:
    content = bytearray(zip_of({"word/document.xml": "x"}))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    with pytest.raises(DocumentUnreadable, match="encrypted"):
        detect_kind(bytes(content), "docx")


def test_names_that_climb_out_of_an_archive_are_only_names() -> None:
    assert detect_kind(zip_of({"../../etc/passwd": "x", "word/document.xml": "y"}), "docx") is Kind.DOCX


def test_every_extension_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == supported_extensions()
