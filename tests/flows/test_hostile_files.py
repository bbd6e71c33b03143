"""Hostile files against the parsers: a clear message for that file, in bounded time, and the next one is read."""

import gzip
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.unit.ingestion.extract import hostile_files as hostile
from tests.unit.ingestion.extract.office_files import docx, paragraph, xlsx
from tests.unit.ingestion.extract.pdf_files import pdf
from tests.unit.ingestion.extract.test_corpus import FILES
from zhiku.errors import DocumentUnreadable
from zhiku.ingestion.extract.parts import MOST_PICTURES
from zhiku.ingestion.extract.sandbox import Limits, Sandbox

MEBIBYTE = 1 << 20
LIMITS = Limits(seconds=60, memory_bytes=512 * MEBIBYTE, output_bytes=8 * MEBIBYTE, cpu_seconds=15)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(LIMITS) as made:
        yield made


@pytest.fixture
def read(sandbox: Sandbox, tmp_path: Path) -> Callable[[bytes, str], str]:
    def read_file(content: bytes, extension: str) -> str:
        path = tmp_path / "file"
        path.write_bytes(content)
        return "\n".join(part.text for part in sandbox.extract(path, extension).parts).strip()

    return read_file


Read = Callable[[bytes, str], str]


def refusal(read: Read, content: bytes, extension: str) -> str:
    with pytest.raises(DocumentUnreadable) as caught:
        read(content, extension)
    assert read(b"next", "txt") == "next"
    return str(caught.value)


@pytest.mark.parametrize("make", [hostile.zip_bomb, hostile.lying_zip_bomb])
def test_zip_bombs_are_refused(read: Read, make: Callable[[int], bytes]) -> None:
    bomb = make(600)
    assert len(bomb) < 4 * MEBIBYTE
    assert refusal(read, bomb, "docx")


def test_an_archive_of_very_many_members_is_refused(read: Read) -> None:
    assert refusal(read, hostile.many_members(20_000), "docx")


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (hostile.entity_bomb(), "xml"),
        (hostile.entity_bomb(), "html"),
        (hostile.entity_bomb_in_word(), "docx"),
    ],
)
def test_entities_are_not_unfolded(read: Read, content: bytes, extension: str) -> None:
    try:
        assert "haha" not in read(content, extension)
    except DocumentUnreadable as error:
        assert str(error)


@pytest.mark.parametrize(
    ("content", "extension"),
    [(hostile.outside_entity(), "xml"), (hostile.outside_entity_in_word(), "docx")],
)
def test_entities_do_not_reach_the_machines_files(read: Read, content: bytes, extension: str) -> None:
    assert "root:" not in read(content, extension)


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (hostile.deep_markup(100_000), "html"),
        (hostile.deep_markup(100_000), "xml"),
        (hostile.deep_markup(600, "table"), "html"),
        (hostile.deep_tables(5_000), "docx"),
        (hostile.deep_mail(3_000), "eml"),
    ],
)
def test_files_nested_without_end_are_refused(read: Read, content: bytes, extension: str) -> None:
    assert "too deeply" in refusal(read, content, extension)


@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (hostile.deep_markup(400), "html"),
        (hostile.deep_markup(200, "ul"), "html"),
        (hostile.deep_markup(90, "a"), "xml"),
        (hostile.deep_tables(100), "docx"),
        (hostile.deep_rich_text(10_000), "rtf"),
    ],
)
def test_files_nested_as_deep_as_real_ones_lose_nothing(read: Read, content: bytes, extension: str) -> None:
    assert "bottom" in read(content, extension)


def test_cells_at_the_ends_of_a_sheet_do_not_fill_the_memory(read: Read) -> None:
    try:
        assert "1" in read(hostile.far_cell(), "xlsx")
    except DocumentUnreadable as error:
        assert "memory" in str(error)


@pytest.mark.parametrize("make", [hostile.pdf_page_loop, hostile.pdf_form_loop, partial(hostile.pdf_bomb, 64)])
def test_pdfs_without_end_are_refused(read: Read, make: Callable[[], bytes]) -> None:
    content = make()
    assert len(content) < MEBIBYTE
    assert refusal(read, content, "pdf")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (hostile.pdf_of_many_pages(), "only"),
        (hostile.pdf_reference_loop(), "text"),
        (hostile.pdf_deep_array(200_000), "text"),
    ],
)
def test_pdfs_that_only_pretend_are_read(read: Read, content: bytes, text: str) -> None:
    assert read(content, "pdf") == text


@pytest.mark.parametrize(
    ("unit", "extension"),
    [(b"{/*", "mdx"), (b"<A ", "mdx"), (b"\\u", "json"), (b"[", "json"), (b"<", "vtt"), (b"1:", "srt"), (b'"', "csv")],
)
def test_a_text_of_one_unfinished_mark_is_read_in_linear_time(read: Read, unit: bytes, extension: str) -> None:
    # A quadratic pattern would need hours for a million of them, and is ended after 15 seconds of computing.
    assert read(unit * (2 * MEBIBYTE // len(unit)), extension)


@pytest.mark.parametrize(
    ("unit", "extension"),
    [
        (b"<pre", "html"),
        (b"<p>&nbsp;", "html"),
        (b"<li> ", "html"),
        (b"[a](#", "html"),
        (b"![a](data:image/png;base64,", "html"),
        (b"<p>\n ", "html"),
        ("<p>中\n".encode(), "html"),
        (b"<!--", "txt"),
        (b"a:\n ", "doc"),
    ],
)
def test_a_page_of_one_unfinished_mark_ends_in_time(read: Read, unit: bytes, extension: str) -> None:
    try:
        read(unit * (MEBIBYTE // len(unit)), extension)
    except DocumentUnreadable as error:
        assert str(error)
    assert read(b"next", "txt") == "next"


@pytest.mark.parametrize("content", [hostile.book_of_itself(), hostile.book_of_entities()])
def test_books_that_lead_back_to_themselves_end_in_time(read: Read, content: bytes) -> None:
    try:
        assert "haha" not in read(content, "epub")
    except DocumentUnreadable as error:
        assert str(error)
    assert read(b"next", "txt") == "next"


def test_pictures_without_number_do_not_grow_the_answer(sandbox: Sandbox) -> None:
    extraction = sandbox.extract(hostile.word_of_pictures(MOST_PICTURES + 50), "docx")
    assert len(extraction.pictures) == MOST_PICTURES
    assert extraction.link_pictures({})[0].text.strip() == "text"


@pytest.mark.parametrize(
    "content",
    [
        hostile.pdf_of_lines(5000),
        hostile.pdf_of_curves(1, 1_000_000),
        hostile.pdf_of_large_picture(30_000),
    ],
)
def test_drawings_without_end_leave_the_text_of_a_page(read: Read, content: bytes) -> None:
    assert len(content) < MEBIBYTE
    assert read(content, "pdf").split() == ["text"]


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_file_cut_short_anywhere_is_text_or_a_message(read: Read, path: Path) -> None:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    extension = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    for part in range(1, 12):
        try:
            read(content[: len(content) * part // 12], extension)
        except DocumentUnreadable as error:
            assert str(error)
    assert read(b"next", "txt") == "next"


@pytest.mark.parametrize("count", [1, 3, 6])
def test_a_text_over_the_limit_is_refused_and_not_cut(read: Read, count: int) -> None:
    text = b"x" * (count * 2 * MEBIBYTE)
    if len(text) < LIMITS.output_bytes:
        assert len(read(text, "txt")) == len(text)
    else:
        assert "more than 8 MiB of text" in refusal(read, text, "txt")


@pytest.mark.parametrize(
    ("content", "extension"),
    [(pdf(["one", "two"]), "pdf"), (docx(paragraph("text")), "docx"), (xlsx({"a": [["b"], ["c"]]}), "xlsx")],
)
def test_damage_anywhere_never_ends_in_anything_but_text_or_a_message(
    read: Read, content: bytes, extension: str
) -> None:
    for position in range(0, len(content), max(1, len(content) // 12)):
        damaged = content[:position] + b"\xff\x00\xff\x00" + content[position + 4 :]
        try:
            read(damaged, extension)
        except DocumentUnreadable as error:
            assert str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in /proc")
def test_memory_descriptors_and_processes_are_flat_over_many_files(sandbox: Sandbox, read: Read) -> None:
    for content, extension in ((b"warm", "txt"), (docx(paragraph("x")), "docx"), (pdf(["x"]), "pdf")) * 2:
        read(content, extension)
    server = psutil.Process(sandbox.server_pid)
    worker = psutil.Process()
    before = (server.num_fds(), server.num_threads(), worker.num_fds(), threading.active_count())
    memory = server.memory_info().rss
    for number in range(60):
        read(docx(paragraph(str(number))), "docx")
    assert (server.num_fds(), server.num_threads(), worker.num_fds(), threading.active_count()) == before
    assert before[1] == 1, "a process that forks has no other threads"
    assert server.memory_info().rss < memory + 4 * MEBIBYTE
    deadline = time.monotonic() + 10
    while server.children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.children() == []
