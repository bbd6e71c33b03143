"""What comes through of files that real programs made (scripts/corpus.py), word for word."""

import gzip
import os
from pathlib import Path

import pytest

from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED
from zhiku.ingestion.extract.engine import read_file
from zhiku.ingestion.extract.parts import Extraction

CORPUS = Path(__file__).parents[3] / "data" / "corpus"
FILES = sorted(path for path in CORPUS.iterdir() if path.is_file())
GOLDEN = CORPUS / "golden"

TABLE = "| 城市 City | 销量 Units | 备注 Remark |\n| --- | --- | --- |\n| 北京 | 1200 | a \\| b |"


def read(path: Path) -> Extraction:
    content = path.read_bytes()
    is_packed = path.suffix == ".gz"
    name = path.stem if is_packed else path.name
    return read_file(gzip.decompress(content) if is_packed else content, name.rsplit(".", 1)[-1])


def shown(extraction: Extraction) -> str:
    """Return an extraction as a page to read: each part under its kind, number and title, then the pictures."""
    parts = [
        f"==== {part.kind} {part.number or '-'} {part.title}".rstrip() + f"\n{part.text.strip()}\n"
        for part in extraction.parts
    ]
    pictures = [f"==== picture {picture.media_type} {len(picture.content)}" for picture in extraction.pictures]
    return "\n".join([*parts, *pictures]) + "\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_file_comes_through_word_for_word(path: Path) -> None:
    found = shown(read(path))
    golden = GOLDEN / f"{path.name}.txt"
    if os.environ.get("ZHIKU_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["report.docx", "report.doc.gz", "report.odt", "report.rtf.gz", "report.html", "report.epub", "report.pdf"]
)
def test_tables_of_every_kind_of_document_are_markdown_tables(name: str) -> None:
    assert TABLE in "\n".join(part.text for part in read(CORPUS / name).parts)


@pytest.mark.parametrize(
    "name", ["report.docx", "report.doc.gz", "report.odt", "report.rtf.gz", "report.html", "report.pdf"]
)
def test_headings_are_markdown_headings(name: str) -> None:
    lines = "\n".join(part.text for part in read(CORPUS / name).parts).splitlines()
    assert "# 季度报告 Quarterly report" in lines
    assert {"## 销售 Sales", "## 展望 Outlook"} <= set(lines)


@pytest.mark.parametrize("name", ["figures.xlsx", "figures.xls.gz", "figures.ods"])
def test_sheets_are_records_of_their_rows(name: str) -> None:
    parts = read(CORPUS / name).parts
    assert [(part.kind, part.number, part.title) for part in parts] == [
        ("sheet", 1, "销量 Units"),
        ("sheet", 3, "People"),
    ]
    assert parts[0].text.splitlines()[0] == '"城市":"北京";"销量":"1200";"日期":"2026-03-31";"备注":"a "quoted" word";'


@pytest.mark.parametrize("name", ["slides.pptx", "slides.odp", "slides.ppt.gz"])
def test_slides_are_parts_with_their_titles(name: str) -> None:
    parts = read(CORPUS / name).parts
    assert [(part.kind, part.number, part.title) for part in parts] == [
        ("slide", 1, "知库介绍 About Zhiku"),
        ("slide", 2, "数字 Numbers"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "report.docx",
        "report.odt",
        "report.rtf.gz",
        "report.epub",
        "report.pdf",
        "slides.pptx",
        "slides.odp",
        "book.html",
    ],
)
def test_pictures_come_out_with_their_place_in_the_text(name: str) -> None:
    extraction = read(CORPUS / name)
    assert [picture.media_type for picture in extraction.pictures] == ["image/png"]
    assert "](image:0)" in "\n".join(part.text for part in extraction.parts)


@pytest.mark.parametrize("path", sorted((CORPUS / "locked").iterdir()), ids=lambda path: path.name)
def test_files_with_a_password_say_so(path: Path) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        read(path)
    assert str(caught.value) == ENCRYPTED
