"""Pages and the envelope of lists."""

import pytest
from starlette.requests import Request

from zhiku.errors import InvalidParam
from zhiku.http.paging import Page, page_body, read_page


def _request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("", Page(1, 20)),
        ("page=3&limit=7", Page(3, 7)),
        ("limit=100", Page(1, 100)),
        ("limit=101", Page(1, 100)),
        ("limit=99999999999999999999999", Page(1, 100)),
        ("page=&limit=", Page(1, 20)),
    ],
)
def test_a_page_is_read_and_its_limit_clamped_to_100(query: str, page: Page) -> None:
    assert read_page(_request(query)) == page


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "limit=0", "limit=-5", "page=x", "limit=1.5", "page=true", "page=9" + "9" * 30]
)
def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    with pytest.raises(InvalidParam):
        read_page(_request(query))


@pytest.mark.parametrize(("page", "total", "has_more"), [(1, 21, True), (1, 20, False), (2, 41, True), (9, 5, False)])
def test_more_is_there_only_when_rows_come_after_the_page(page: int, total: int, has_more: bool) -> None:
    body = page_body([], total, Page(page, 20))
    assert body == {"data": [], "has_more": has_more, "limit": 20, "total": total, "page": page}


def test_the_offset_counts_the_rows_before_the_page() -> None:
    assert (Page(1, 20).offset, Page(3, 7).offset) == (0, 14)
