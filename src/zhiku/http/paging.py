"""Pages of a list: `page` and `limit` in a query, `has_more` and `total` in the reply (contract 2.3, D8, D9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from starlette.requests import Request

from zhiku.http.query import parse_query
from zhiku.http.schema import WireModel

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
# So that a row offset always fits a 64-bit integer.
MAX_PAGE = 10**15


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted; `page` counts from 1, `limit` is 1 to 100."""

    page: int = 1
    limit: int = DEFAULT_LIMIT

    @property
    def offset(self) -> int:
        """Return how many rows come before this page."""
        return (self.page - 1) * self.limit


class PageQuery(WireModel):
    """Which page of the list."""

    page: int = Field(default=1, ge=1, le=MAX_PAGE, description="Number of the page, from 1.")
    limit: Annotated[int, Field(ge=1), AfterValidator(lambda limit: min(limit, MAX_LIMIT))] = Field(
        default=DEFAULT_LIMIT, description="Rows on a page, 1 to 100; more is read as 100."
    )


def read_page(request: Request) -> Page:
    """Return the page a query string asks for. Raises InvalidParam for less than 1 or what is no number."""
    query = parse_query(request.scope["query_string"], PageQuery)
    return Page(query.page, query.limit)


def page_body(data: Sequence[object], total: int, page: Page) -> dict[str, Any]:
    """Return the envelope of a list: `data` is this page's rows, `total` counts all rows."""
    return {
        "data": data,
        "has_more": page.page * page.limit < total,
        "limit": page.limit,
        "total": total,
        "page": page.page,
    }
