"""Pictures come out of a file within bounds, each with its place in the text."""

import base64
import io
import zipfile

import pytest

from tests.unit.ingestion.extract.office_files import epub, zip_of
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import NO_TEXT
from zhiku.ingestion.extract.engine import read_file
from zhiku.ingestion.extract.parts import (
    MOST_PICTURES,
    PICTURE_BYTES,
    PICTURES_BYTES,
    Extraction,
    Part,
    Picture,
)
from zhiku.ingestion.extract.pictures import Pictures

PNG, JPEG, GIF = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a"


def page(content: bytes, alt: str = "") -> bytes:
    address = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    return f'<p>before</p><p><img alt="{alt}" src="{address}"></p><p>after</p>'.encode()


@pytest.mark.parametrize(("start", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (GIF, "image/gif")])
def test_a_picture_is_what_its_first_bytes_say(start: bytes, kind: str) -> None:
    extraction = read_file(page(start + b"x", "红 box"), "html")
    assert extraction.parts[0].text.strip() == "before\n\n![红 box](image:0)\n\nafter"
    assert extraction.pictures == [Picture(start + b"x", kind)]


@pytest.mark.parametrize("content", [b"<svg><script>alert(1)</script></svg>", b"BM" + bytes(40), b"", b"%PDF-1.4"])
def test_what_could_run_or_is_no_picture_leaves_its_description(content: bytes) -> None:
    extraction = read_file(page(content, "a drawing"), "html")
    assert extraction.pictures == []
    assert extraction.parts[0].text.split() == ["before", "a", "drawing", "after"]


def test_equal_pictures_are_kept_once() -> None:
    pictures = Pictures()
    assert [pictures.mark("", PNG + each) for each in (b"a", b"b", b"a")] == [
        "![](image:0)",
        "![](image:1)",
        "![](image:0)",
    ]


def test_too_large_or_too_many_pictures_are_left_out() -> None:
    pictures = Pictures()
    assert pictures.mark("scan", PNG + bytes(PICTURE_BYTES)) == "scan"
    for number in range(MOST_PICTURES):
        pictures.mark("", PNG + str(number).encode())
    assert pictures.mark("one more", PNG + b"last") == "one more"
    full = Pictures()
    size = PICTURE_BYTES - 100
    for number in range(PICTURES_BYTES // size + 2):
        full.mark("", PNG + str(number).encode() + bytes(size))
    assert sum(len(picture.content) for picture in full.found) <= PICTURES_BYTES


@pytest.mark.parametrize("description", ["image", "Picture 3", "图片 1", "OEBPS/images/a.png", "scan_01.jpeg"])
def test_what_programs_write_where_nobody_described_a_picture_is_no_description(description: str) -> None:
    assert Pictures().mark(description, PNG) == "![](image:0)"


def test_pictures_of_a_book_are_found_where_its_pages_look_for_them() -> None:
    book = epub([("One", "first")])
    members = {"c1.xhtml": '<html><body><h1>One</h1><p><img src="../art/a.png" alt="map"/> </p></body></html>'}
    content = replaced(book, {**members, "art/a.png": PNG})
    extraction = read_file(content, "epub")
    assert extraction.parts[0].text.split("\n\n") == ["# One", "![map](image:0)"]
    assert extraction.pictures == [Picture(PNG, "image/png")]


def replaced(content: bytes, members: dict[str, str | bytes]) -> bytes:
    """Return the archive with these members changed or added."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        kept: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    return zip_of({**kept, **members})


def test_a_file_of_pictures_alone_says_that_it_has_no_text() -> None:
    address = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    with pytest.raises(DocumentUnreadable) as caught:
        read_file(f'<html><body><img src="{address}"></body></html>'.encode(), "html")
    assert str(caught.value) == NO_TEXT


def test_links_take_the_places_of_pictures() -> None:
    text = "a ![x](image:0) b\n\n![](image:1)\n\n![y](image:1) c ![z](image:7)"
    extraction = Extraction([Part(text, 3)], [Picture(PNG, "image/png"), Picture(GIF, "image/gif")])
    assert extraction.link_pictures({0: "/files/u0"}) == [
        Part("a ![x](/files/u0) b\n\ny c ![z](image:7)", 3),
    ]
    both = extraction.link_pictures({0: "/files/u0", 1: "/files/u1"})[0].text
    assert both == "a ![x](/files/u0) b\n\n![](/files/u1)\n\n![y](/files/u1) c ![z](image:7)"


def test_a_text_that_only_looks_like_a_picture_stays_as_it_is() -> None:
    text = "Write `![name](image:0)` for the first picture."
    assert read_file(text.encode(), "md").link_pictures({})[0].text == text
