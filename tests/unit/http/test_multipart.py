"""Multipart bodies: tolerated forms, and bodies cut at any place."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zhiku.errors import BadRequest
from zhiku.http.multipart import MAX_HEADER_BYTES, MAX_PARTS, MultipartParser, PartStart

BODY = (
    b'--B\r\nContent-Disposition: form-data; name="data"\r\n\r\n{"a": 1}\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n'
    b"Content-Type: Text/Plain; charset=x\r\n\r\n"
    b"one\r\n\r\n--Bee\r\n--\r\n--B-\r\n\r\n--B--\r\n"
)
PARTS = [("data", None, "", b'{"a": 1}'), ("file", "a.txt", "text/plain", b"one\r\n\r\n--Bee\r\n--\r\n--B-\r\n")]

Part = tuple[str, str | None, str, bytes]


def _parse(body: bytes, step: int | None = None, boundary: bytes = b"B") -> list[Part]:
    parser = MultipartParser(boundary)
    parts: list[Part] = []
    for start in range(0, len(body), step or len(body) or 1):
        for event in parser.feed(body[start : start + (step or len(body))]):
            if isinstance(event, PartStart):
                parts.append((event.name, event.filename, event.content_type, b""))
            else:
                name, filename, kind, content = parts[-1]
                parts[-1] = (name, filename, kind, content + event.content)
    parser.finish()
    return parts


@pytest.mark.parametrize("step", [None, 1, 2, 3, 5, 7, 64])
def test_a_body_is_the_same_in_pieces_of_any_size(step: int | None) -> None:
    assert _parse(BODY, step) == PARTS


@pytest.mark.parametrize("step", [None, 1])
def test_lines_may_end_with_lf_alone(step: int | None) -> None:
    body = b'--B\nContent-Disposition: form-data; name="file"; filename="a"\n\none\r\ntwo\r\n--B--\n'
    assert _parse(body, step) == [("file", "a", "", b"one\r\ntwo\r")]


@pytest.mark.parametrize(
    "body",
    [
        b'--B\r\nContent-Disposition: form-data; name="data"\r\n\r\nx\r\n--B--',
        b"--B \t\r\ncontent-disposition:form-data;name=data\r\n\r\nx\r\n--B--\r\nwhatever comes after",
        b'some preamble\r\n--B\r\nContent-Disposition: form-data;\r\n name="data"\r\n\r\nx\r\n--B--\r\n',
        b'\r\n--B\r\nContent-Disposition: form-data; name="data"\n\r\nx\r\n--B--\r\n',
    ],
)
def test_small_oddities_are_tolerated(body: bytes) -> None:
    assert _parse(body) == [("data", None, "", b"x")]


def test_a_part_without_headers_has_no_name() -> None:
    assert _parse(b"--B\r\n\r\nx\r\n--B--") == [("", None, "", b"x")]


def test_a_part_may_be_empty() -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--B--'
    assert _parse(body) == _parse(body.replace(b"\r\n\r\n\r\n", b"\r\n\r\n")) == [("file", "a", "", b"")]


def test_a_body_cut_before_its_last_boundary_is_refused() -> None:
    end = BODY.index(b"--B--") + len(b"--B--")
    for length in range(end):
        with pytest.raises(BadRequest):
            _parse(BODY[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"--B\r\n" + b"x" * (MAX_HEADER_BYTES + 1),
        b'--B\r\nContent-Disposition: form-data; name="' + b"x" * MAX_HEADER_BYTES + b'"\r\n\r\nx\r\n--B--',
        b"x" * 20_000 + b"\r\n--B--",
        b"--B\r\n\r\n\r\n" * (MAX_PARTS + 1) + b"--B--",
        b"--C\r\n\r\nx\r\n--C--",
    ],
)
def test_what_is_out_of_bounds_is_refused(body: bytes) -> None:
    for step in (None, 1000):
        with pytest.raises(BadRequest):
            _parse(body, step)


@pytest.mark.parametrize("boundary", [b"", b"x" * 300])
def test_a_boundary_must_be_there_and_short(boundary: bytes) -> None:
    with pytest.raises(BadRequest):
        MultipartParser(boundary)


@given(content=st.binary(max_size=300), step=st.integers(1, 40))
@example(content=b"\r\n--Bx\r\n-", step=1)
@example(content=b"\r", step=1)
@example(content=b"\n--B", step=2)
def test_any_content_comes_out_as_it_went_in(content: bytes, step: int) -> None:
    if re.search(rb"\n--B([ \t]*\r?\n|--|[ \t]*\r?$)|^--B", content):
        return
    head = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    assert _parse(head + content + b"\r\n--B--", step) == [("file", "a", "", content)]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_read_or_refused_with_a_4xx(body: bytes, step: int) -> None:
    for prefix in (b"", b"--B\r\n", BODY[:30]):
        try:
            _parse(prefix + body, step)
        except BadRequest as error:
            assert error.status == 400
