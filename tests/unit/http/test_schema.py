"""What request shapes accept and how replies are encoded."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest
from pydantic import Field

from zhiku.errors import InvalidParam
from zhiku.http.schema import (
    NULL_CLEARS,
    ContentText,
    WireModel,
    encode,
    has_required_field,
    no_content,
    parse,
    refuse_nul,
)


class Inner(WireModel):
    """Something inside."""

    top_k: int = Field(default=3, ge=1)


class Shape(WireModel):
    """One field of each kind."""

    name: str = Field(max_length=5)
    description: Annotated[str | None, NULL_CLEARS] = "kept"
    top_k: int | None = 2
    weight: float = 0.5
    bounded: Annotated[int, Field(ge=0)] | None = None
    deep: Annotated[Annotated[float | None, Field(ge=0)] | Inner, "a choice"] = None
    label: str | int = ""
    is_on: bool = True
    inner: Inner | None = None
    inners: list[Inner] = Field(default_factory=list)
    content: ContentText = ""
    free: dict[str, Any] = Field(default_factory=dict)


def test_unknown_fields_are_ignored() -> None:
    assert parse(Shape, {"name": "a", "stray": object()}).name == "a"


def test_null_for_an_optional_field_is_absent() -> None:
    shape = parse(Shape, {"name": "a", "top_k": None, "weight": None, "is_on": None, "inners": None})
    assert (shape.top_k, shape.weight, shape.is_on, shape.inners) == (2, 0.5, True, [])
    assert shape.model_fields_set == {"name"}


def test_null_clears_where_that_is_said() -> None:
    assert parse(Shape, {"name": "a", "description": None}).description is None


@pytest.mark.parametrize("value", [3, "3", 3.0, "3.0"])
def test_a_whole_number_may_come_as_text_or_float(value: object) -> None:
    assert parse(Shape, {"name": "a", "top_k": value}).top_k == 3


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "name: Field required"),
        ({"name": None}, "name: Input should be a valid string"),
        ({"name": 5}, "name: Input should be a valid string"),
        ({"name": "abcdef"}, "name: String should have at most 5 characters"),
        ({"name": "a", "top_k": True}, "top_k: "),
        ({"name": "a", "top_k": 3.5}, "top_k: "),
        ({"name": "a", "top_k": "x"}, "top_k: "),
        ({"name": "a", "weight": False}, "weight: "),
        ({"name": "a", "bounded": True}, "bounded: "),
        ({"name": "a", "bounded": -1}, "bounded: "),
        ({"name": "a", "deep": True}, "deep"),
        ({"name": "a", "label": True}, "label"),
        ({"name": "a", "weight": "nan"}, "weight: "),
        ({"name": "a", "is_on": 7}, "is_on: "),
        ({"name": "a", "inner": {"top_k": 0}}, "inner.top_k: "),
        ({"name": "a", "inners": [{}, {"top_k": True}]}, "inners.1.top_k: "),
        ([], "body: "),
    ],
)
def test_the_first_wrong_field_is_named(raw: object, message: str) -> None:
    with pytest.raises(InvalidParam) as caught:
        parse(Shape, raw)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert (caught.value.params or "").startswith(message.partition(":")[0])


def test_lengths_count_code_points() -> None:
    assert parse(Shape, {"name": "😀" * 5}).name == "😀" * 5


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"name": "a\0"}, "name"),
        ({"name": "a", "free": {"x": ["\0"]}}, "free"),
        ({"name": "a", "free": {"\0": 1}}, "free"),
    ],
)
def test_nul_is_refused_in_names(raw: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParam, match=f"^{field}: "):
        refuse_nul(parse(Shape, raw))


def test_nul_is_dropped_from_content() -> None:
    shape = parse(Shape, {"name": "a", "content": "x\0y"})
    refuse_nul(shape)
    assert shape.content == "xy"


def test_a_shape_knows_whether_an_empty_body_will_do() -> None:
    assert has_required_field(Shape) is True
    assert has_required_field(Inner) is False


def test_replies_are_made_of_many_kinds() -> None:
    class Row(msgspec.Struct):
        """A struct."""

        id: str

    @dataclass
    class Plain:
        id: str

    reply = encode({"rows": [Row("a"), Plain("b"), {"id": "c"}, Inner()], "text": "知库"}, 201)
    assert reply.status_code == 201
    assert reply.headers["content-type"] == "application/json"
    assert msgspec.json.decode(reply.body) == {
        "rows": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"top_k": 3}],
        "text": "知库",
    }


def test_no_content_has_neither_body_nor_type() -> None:
    reply = no_content()
    assert (reply.status_code, reply.body, "content-type" in reply.headers) == (204, b"", False)
