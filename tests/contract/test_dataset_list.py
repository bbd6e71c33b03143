"""The list of datasets: pages, filters and how a query string may be written (contract 2.3, 2.4, 3.2-2, 11.7)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.calls import UNKNOWN, got, refusal
from tests.product import Product


@pytest.fixture
def shelf(fresh: Product) -> Product:
    """A product with five datasets, "Book 1" being the oldest."""
    for number in range(1, 6):
        fresh.create_dataset(f"Book {number}")
    return fresh


def ask(product: Product, query: str = "") -> dict[str, Any]:
    return got(product.api.get(f"/v1/datasets{query}"))


def names(product: Product, query: str = "") -> list[str]:
    return [row["name"] for row in ask(product, query)["data"]]


def test_an_empty_workspace_lists_nothing(fresh: Product) -> None:
    assert ask(fresh) == {"data": [], "has_more": False, "limit": 20, "total": 0, "page": 1}


def test_the_newest_dataset_comes_first(shelf: Product) -> None:
    assert names(shelf) == ["Book 5", "Book 4", "Book 3", "Book 2", "Book 1"]


@pytest.mark.parametrize(
    ("query", "expected", "has_more"),
    [
        ("?limit=2", ["Book 5", "Book 4"], True),
        ("?limit=2&page=2", ["Book 3", "Book 2"], True),
        ("?limit=2&page=3", ["Book 1"], False),
        ("?limit=5", ["Book 5", "Book 4", "Book 3", "Book 2", "Book 1"], False),
        ("?limit=5&page=2", [], False),
        ("?page=1000000", [], False),
    ],
)
def test_has_more_tells_whether_rows_follow(shelf: Product, query: str, expected: list[str], has_more: bool) -> None:
    page = ask(shelf, query)
    assert [row["name"] for row in page["data"]] == expected
    assert (page["has_more"], page["total"]) == (has_more, 5)


@pytest.mark.parametrize(
    ("query", "page", "limit"),
    [
        ("", 1, 20),
        ("?page=&limit=", 1, 20),
        ("?limit=100", 1, 100),
        ("?limit=101", 1, 100),
        ("?limit=100000", 1, 100),
        ("?page=2&limit=7", 2, 7),
        ("?page=2&page=3", 2, 20),
        ("?page=&page=3", 3, 20),
    ],
)
def test_page_and_limit_have_defaults_are_clamped_and_echoed(shelf: Product, query: str, page: int, limit: int) -> None:
    reply = ask(shelf, query)
    assert (reply["page"], reply["limit"]) == (page, limit)


@pytest.mark.parametrize("field", ["page", "limit"])
@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "true", "1e3", "9" * 40, "None", "%00", "١"])
def test_a_page_or_limit_below_1_or_that_is_no_integer_is_400(product: Product, field: str, value: str) -> None:
    reply = product.api.get(f"/v1/datasets?{field}={value}")
    if field == "limit" and value == "9" * 40:
        assert got(reply)["limit"] == 100
        return
    status, code, message = refusal(reply)
    assert (status, code) == (400, "invalid_param")
    assert message.startswith(f"{field}: ")
    assert reply.json()["params"] == field


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("alpha", ["Alpha"]),
        ("LPH", ["Alpha"]),
        ("%", ["50% off"]),
        ("_", ["a_b"]),
        ("\\", ["back\\slash"]),
        ("知识", ["知识库"]),
        ("É", ["café"]),
        ("ÜBER", ["über"]),
        ("ДОК", ["документ"]),
        ("'", ["it's"]),
        ("nothing", []),
    ],
)
def test_keyword_is_a_literal_case_insensitive_part_of_the_name(
    fresh: Product, keyword: str, expected: list[str]
) -> None:
    for made in ("Alpha", "50% off", "a_b", "back\\slash", "知识库", "café", "über", "документ", "it's"):
        fresh.create_dataset(made)
    assert names(fresh, f"?keyword={quote(keyword)}") == expected
    assert ask(fresh, f"?keyword={quote(keyword)}")["total"] == len(expected)


@pytest.mark.parametrize("query", ["?keyword=", "?keyword=&page=1", "?unknown=1", "?keyword=&keyword=book+5"])
def test_an_empty_parameter_is_absent_and_unknown_ones_are_ignored(shelf: Product, query: str) -> None:
    assert len(names(shelf, query)) == (1 if "book" in query else 5)


@pytest.mark.parametrize("query", ["?keyword=book+3", "?keyword=book%203", "?keyword=Book%203&keyword=Book%204"])
def test_plus_and_percent_20_are_spaces_and_the_first_value_wins(shelf: Product, query: str) -> None:
    assert names(shelf, query) == ["Book 3"]


@pytest.mark.parametrize(
    "query",
    [
        f"?tag_ids={UNKNOWN}",
        f"?tag_ids={UNKNOWN}&tag_ids={UNKNOWN}",
        f"?tag_ids[]={UNKNOWN}",
        f"?tag_ids={UNKNOWN},{UNKNOWN}",
        "?tag_ids=no-uuid",
    ],
)
def test_an_unknown_tag_lists_nothing(shelf: Product, query: str) -> None:
    assert ask(shelf, query)["total"] == 0


@pytest.mark.parametrize("query", ["?tag_ids=", "?tag_ids[]=", "?tag_ids=&tag_ids=", "?tag_ids=,"])
def test_empty_tag_ids_are_no_filter(shelf: Product, query: str) -> None:
    assert ask(shelf, query)["total"] == 5


@pytest.mark.parametrize("written", ["true", "false", "1", "0", "yes", "no", "on", "off"])
@pytest.mark.parametrize("change", [str.lower, str.upper, str.capitalize])
def test_include_all_is_read_as_clients_write_booleans(product: Product, written: str, change: Any) -> None:
    assert product.api.get(f"/v1/datasets?include_all={change(written)}").status_code == 200


@pytest.mark.parametrize("written", ["2", "maybe", "%00"])
def test_include_all_that_is_no_boolean_is_400(product: Product, written: str) -> None:
    status, code, message = refusal(product.api.get(f"/v1/datasets?include_all={written}"))
    assert (status, code) == (400, "invalid_param")
    assert message.startswith("include_all: ")


@pytest.mark.parametrize("query", ["?keyword=a%00b", "?keyword=%ED%A0%80", "?keyword=%FF", "?tag_ids=a%00"])
def test_nul_and_what_is_not_utf_8_is_400(product: Product, query: str) -> None:
    status, code, _ = refusal(product.api.get(f"/v1/datasets{query}"))
    assert (status, code) == (400, "invalid_param")
