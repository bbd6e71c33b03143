"""Query strings as clients write them."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from zhiku.errors import InvalidParam, ZhikuError
from zhiku.http.paging import PageQuery
from zhiku.http.query import parse_query
from zhiku.http.schema import WireModel


class Wanted(WireModel):
    """A query with one field of each kind."""

    keyword: str | None = None
    tag_ids: list[str] = Field(default_factory=list)
    include_all: bool = False
    page: int = 1


@pytest.mark.parametrize(
    ("query", "keyword", "page"),
    [
        (b"", None, 1),
        (b"keyword=&page=", None, 1),
        (b"keyword=&keyword=a&keyword=b&page=&page=3", "a", 3),
        (b"keyword=a+b%20c", "a b c", 1),
        (b"keyword=%E7%9F%A5%E5%BA%93&unknown=1", "知库", 1),
        ("keyword=知库".encode(), "知库", 1),
    ],
)
def test_empty_means_absent_and_the_first_value_wins(query: bytes, keyword: str | None, page: int) -> None:
    shape = parse_query(query, Wanted)
    assert (shape.keyword, shape.page) == (keyword, page)


@pytest.mark.parametrize(
    "query", [b"tag_ids=a&tag_ids=b", b"tag_ids[]=a&tag_ids[]=b", b"tag_ids=a,b", b"tag_ids=a,,b,"]
)
def test_the_three_spellings_of_a_list_are_equal(query: bytes) -> None:
    assert parse_query(query, Wanted).tag_ids == ["a", "b"]


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "ON"])
def test_yes_has_many_spellings(value: str) -> None:
    assert parse_query(f"include_all={value}".encode(), Wanted).include_all is True


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "oFF"])
def test_no_has_many_spellings(value: str) -> None:
    assert parse_query(f"include_all={value}".encode(), Wanted).include_all is False


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"include_all=maybe", "include_all"),
        (b"page=x", "page"),
        (b"page=1.5", "page"),
        (b"keyword=a%00b", "keyword"),
        (b"tag_ids=a%00b", "tag_ids"),
        (b"keyword=%ff", "query"),
        (b"a=1&" * 1001, "query"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(query: bytes, field: str) -> None:
    with pytest.raises(InvalidParam, match=f"^{field}: "):
        parse_query(query, Wanted)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_text_survives_a_query(text: str) -> None:
    assert parse_query(f"keyword={quote(text)}".encode(), Wanted).keyword == text


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused_with_a_4xx(raw: bytes) -> None:
    for model in (Wanted, PageQuery):
        try:
            parse_query(b"page=" + raw, model)
        except ZhikuError as error:
            assert error.status == 400
