"""How a reply is declared: as typed dicts that describe their fields, read by the OpenAPI and by nothing at run time.

    class TagBody(TypedDict):
        \"""A tag and how many datasets it is bound to.\"""

        id: Annotated[Id, "Id of the tag."]
        name: Annotated[str, "Shown name, unique in the workspace."]

The function that makes the dict returns `TagBody`, so that the type checker compares both; the operation says
`reply=TagBody` (or `list[TagBody]`); a reply that is no JSON is a `Media`. A field that may be missing is
`NotRequired`, one that may be null `X | None`; an object without fixed fields is `dict[str, X]`. A text in `Annotated`
is the description, a pair becomes a keyword of the schema. Contract tests refuse a reply with a field that is not
declared, and an operation whose reply is not (ADR-0011).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

Id = Annotated[str, ("format", "uuid")]
"""A UUID in lower case."""

Seconds = Annotated[int, ("minimum", 0)]
"""A moment: seconds since 1970, UTC."""

Count = Annotated[int, ("minimum", 0)]
"""How many there are."""


def one_of(*values: str) -> tuple[str, tuple[str, ...]]:
    """Return the mark of a text that has one of these values: `Annotated[str, one_of("a", "b"), "..."]`."""
    return "enum", values


@dataclass(frozen=True, slots=True)
class Media:
    """A reply that is no JSON, as `reply` of an operation; `media_types` may hold `*/*`."""

    description: str
    media_types: tuple[str, ...] = ("application/octet-stream",)
    is_text: bool = False


class PageBody(TypedDict):
    """What lists have beside their `data`; the reply of a list adds `data: Annotated[list[X], "..."]`."""

    has_more: Annotated[bool, "Whether further pages follow."]
    limit: Annotated[int, "Rows on a page, as it was applied.", ("minimum", 1), ("maximum", 100)]
    total: Annotated[Count, "Rows on all pages."]
    page: Annotated[int, "Number of this page, from 1.", ("minimum", 1)]


class ResultBody(TypedDict):
    """The reply of a change that has nothing else to tell."""

    result: Annotated[Literal["success"], "Always `success`."]


SUCCESS: ResultBody = {"result": "success"}


OpenObject = dict[str, Any]
"""An object whose fields are not fixed."""
