"""How declared replies become JSON Schema."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from zhiku.http.reply import Count, Id, OpenObject, PageBody, one_of
from zhiku.http.reply_schema import ReplySchemas, Schema

REF = "#/{model}"


class TagBody(TypedDict):
    """A tag."""

    id: Annotated[Id | None, "Its id."]
    kind: NotRequired[Annotated[Literal["a", "b"], "Its kind."]]


class TagPageBody(PageBody):
    """A page
    of tags."""

    data: Annotated[list[TagBody], "The tags."]
    last: Annotated[TagBody | None, "The last one."]
    open: Annotated[OpenObject, "Whatever there is."]
    status: Annotated[str, one_of("on", "off"), "What it does."]


def made(kind: Any, taken: tuple[str, ...] = ()) -> tuple[Schema, dict[str, Schema]]:
    """Return the schema of a reply and the named ones."""
    components: dict[str, Schema] = {}
    return ReplySchemas(components, REF, taken).schema_of(kind), components


def test_an_object_tells_all_its_fields_and_allows_no_other() -> None:
    schema, components = made(TagBody)
    assert schema == {"$ref": "#/Tag"}
    assert components["Tag"] == {
        "type": "object",
        "description": "A tag.",
        "properties": {
            "id": {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}], "description": "Its id."},
            "kind": {"type": "string", "enum": ["a", "b"], "description": "Its kind."},
        },
        "required": ["id"],
        "additionalProperties": False,
    }


def test_inherited_fields_and_named_parts_are_told_too() -> None:
    schema, components = made(list[TagPageBody])
    assert schema == {"type": "array", "items": {"$ref": "#/TagPage"}}
    page = components["TagPage"]
    assert page["description"] == "A page of tags."
    assert page["properties"]["limit"]["maximum"] == 100
    assert page["properties"]["data"]["items"] == {"$ref": "#/Tag"}
    assert page["properties"]["last"]["anyOf"] == [{"$ref": "#/Tag"}, {"type": "null"}]
    assert page["properties"]["open"] == {
        "type": "object",
        "additionalProperties": True,
        "description": "Whatever there is.",
    }
    assert page["properties"]["status"]["enum"] == ["on", "off"]
    assert set(components) == {"Tag", "TagPage"}


def test_what_a_reply_says_last_is_what_counts() -> None:
    assert made(Annotated[Annotated[Count, "First."], "Last."])[0] == {
        "type": "integer",
        "minimum": 0,
        "description": "Last.",
    }


def test_plain_types_beside_null_are_a_list_of_types() -> None:
    assert made(str | int | None)[0] == {"type": ["string", "integer", "null"]}


def test_a_reply_keeps_its_whole_name_where_a_request_has_the_short_one() -> None:
    assert made(TagBody, taken=("Tag",))[0] == {"$ref": "#/TagBody"}


def test_two_replies_of_one_name_are_refused() -> None:
    class Elsewhere:
        class TagBody(TypedDict):
            """Another tag."""

    schemas = ReplySchemas({}, REF)
    schemas.schema_of(TagBody)
    with pytest.raises(TypeError, match="two replies are named Tag"):
        schemas.schema_of(Elsewhere.TagBody)


@pytest.mark.parametrize("kind", [object, set[str], bytes, tuple[int, int]])
def test_a_type_that_replies_do_not_have_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="has no place in a reply"):
        made(kind)
