"""The mends of HTML, books and Office files: what the library fails at or puts in wrong places."""

import io
import zipfile

import pytest

from tests.unit.ingestion.extract.office_files import docx, epub, odt, paragraph, zip_of
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.detect import ENCRYPTED
from zhiku.ingestion.extract.engine import read_file
from zhiku.ingestion.extract.mend_docx import mend_notes
from zhiku.ingestion.extract.mend_odt import mend_lists, move_notes
from zhiku.ingestion.extract.mend_slides import cut_slides, headline


def text_of(content: str, extension: str = "html") -> str:
    return read_file(content.encode(), extension).parts[0].text.strip()


@pytest.mark.parametrize(
    "odd",
    [
        '<p><a href="x">&nbsp;</a></p>',
        "<h2>&nbsp;</h2>",
        '<p><img src="a.png"> </p>',
        '<p><img src="a.png" alt="map">&nbsp;</p>',
        "<li><input type=checkbox> </li>",
        '<p><svg></svg> </p><p><video src="a"></video> </p>',
        "<p><kbd> </kbd> </p><p><q> </q></p>",
        '<ul><li><p><a href="x"><b> </b></a> </p></li></ul>',
    ],
)
def test_blocks_without_text_do_not_stop_a_page(odd: str) -> None:
    text = text_of(f"<h1>标题</h1><p>before</p>{odd}<ul><li>one<li><b>two</b></ul><p>after</p>")
    assert text.startswith("# 标题\n\nbefore")
    assert text.endswith("- one\n- **two**\n\nafter")


def test_line_ends_in_the_source_of_a_page_are_spaces_or_nothing_in_chinese() -> None:
    page = "<h1>\n标题\n</h1><p>First line\n   and the\r\nsecond. 中文的\n  一段，\n完。</p><pre>kept\n  as is\n</pre>"
    assert text_of(page) == "# 标题\n\nFirst line and the second. 中文的一段，完。\n\n```\nkept\n  as is\n```"


def test_links_within_a_page_are_plain_text_and_notes_stay_notes() -> None:
    page = '<p>See <a href="#two">part two</a><a href="#fn1"><sup>1</sup></a>, <a href="/x">there</a>.</p>'
    page += '<p><a href="#a"></a>1 Note <a href="#back">↩</a></p>'
    assert text_of(page) == "See part two[1], [there](/x).\n\n1 Note"


def test_a_book_is_read_in_the_order_of_its_spine_without_its_table_of_contents() -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        '<item id="a" href="text/a%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="nav"/><itemref idref="b"/><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    head = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>'
    content = zip_of(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="in/book.opf"/></container>',
            "in/book.opf": package,
            "in/nav.xhtml": f"{head}<p>Contents</p></body></html>",
            "in/text/a b.xhtml": f'{head}<h1>甲</h1><p><a id="x"/>last</p></body></html>',
            "in/b.xhtml": f"{head}<h2>First</h2><p><b> </b> </p></body></html>",
        }
    )
    assert read_file(content, "epub").parts[0].text == "## First\n\n# 甲\n\nlast"


def test_a_book_whose_pages_are_locked_says_so() -> None:
    content = epub([("One", "text")])
    locked = zip_of({"c1.xhtml": bytes(range(256)) * 8})
    with pytest.raises(DocumentUnreadable) as caught:
        read_file(with_member(content, locked), "epub")
    assert str(caught.value) == ENCRYPTED


def with_member(content: bytes, other: bytes) -> bytes:
    """Return the first archive with the members of the second."""
    members: dict[str, str | bytes] = {}
    for each in (content, other):
        with zipfile.ZipFile(io.BytesIO(each)) as archive:
            members |= {name: archive.read(name) for name in archive.namelist()}
    return zip_of(members)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a[^7] b[^9].[^1][^2]", "a[^1] b[^2]."),
        ("the end[^2][^1]", "the end[^1]"),
        ("[^1]:", "[^1]:"),
        ("a[^1]", "a[^1]"),
        ("a[^5] b[^6] c[^3]", "a[^5] b[^6] c[^3]"),
        ("no note", "no note"),
    ],
)
def test_notes_of_word_have_their_number_in_their_place(written: str, meant: str) -> None:
    assert mend_notes(written) == meant


def test_notes_of_open_documents_go_to_the_end() -> None:
    note = (
        b'<text:note text:id="f"><text:note-citation>1</text:note-citation><text:note-body><text:p text:s="x">%s'
        b"</text:p></text:note-body></text:note>"
    )
    text = b"<office:text><text:p>a" + note % b"one" + b" b" + note % b"two" + b"</text:p></office:text>"
    assert move_notes(text) == (
        b'<office:text><text:p>a[^1] b[^2]</text:p><text:p text:s="x">[^1]: one</text:p>'
        b'<text:p text:s="x">[^2]: two</text:p></office:text>'
    )
    assert move_notes(b"<text:note " * 9) == b"<text:note " * 9


def test_a_list_that_begins_with_bullets_is_none_of_numbers() -> None:
    level = '<text:list-level-style-{} text:level="{}"/>'
    bullets = f'<text:list-style name="a">{level.format("bullet", 1)}{level.format("number", 2)}</text:list-style>'
    numbers = f'<text:list-style name="b">{level.format("number", 1)}{level.format("bullet", 2)}</text:list-style>'
    mended = mend_lists((bullets + numbers).encode()).decode()
    assert mended == bullets.replace("number", "bullet") + numbers


def test_slides_in_one_text_are_cut_apart() -> None:
    text = "-----\n\n## one\n\nTitle 标题\n\n- a\n\n-----\n\n## two\n\n- b\n"
    assert cut_slides(text, has_names=True) == ["## Title 标题\n\n- a\n\n", "\n- b\n"]
    assert [headline(each) for each in cut_slides(text, has_names=False)] == ["one", "two"]
    assert cut_slides("no slide", has_names=True) == ["no slide"]
    assert headline("plain") == ""


@pytest.mark.parametrize(
    ("content", "extension"), [(docx(paragraph("a" * 70_000)), "docx"), (odt("b" * 70_000), "odt")]
)
def test_long_paragraphs_are_whole(content: bytes, extension: str) -> None:
    assert len(read_file(content, extension).parts[0].text.strip()) == 70_000
