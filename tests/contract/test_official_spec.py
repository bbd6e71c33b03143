"""Every operation is called as the specification documents it, and every reply held against it."""

from typing import Any

import pytest
from httpx2 import Response

from tests.contract.official_calls import SCENES, Call, Caller
from tests.contract.official_deviations import DEVIATIONS, deviations_of
from tests.contract.official_spec import (
    errors_of,
    get_operation,
    list_operations,
    missing_fields,
    read_spec,
    request_schema,
)
from tests.product import Product

Replies = list[tuple[Call, Response]]
CALLS = [call for scene in SCENES for call in scene]


@pytest.fixture(scope="module")
def replies(product: Product) -> Replies:
    """The replies to all calls, each scene begun when the work of the one before is done."""
    read_spec()
    caller = Caller(product)
    found: Replies = []
    for scene in SCENES:
        found += [(call, caller.send(call)) for call in scene]
        product.settle()
    return found


def found_deviations(replies: Replies) -> dict[tuple[str, str], str]:
    """Return every place where a reply breaks the specification, with the reason of the first time."""
    found: dict[tuple[str, str], str] = {}
    for call, reply in replies:
        found |= deviations_of(call.operation, reply, call.status)
    return found


def test_every_official_operation_is_called() -> None:
    assert sorted({call.operation for call in CALLS}) == sorted(list_operations())


def test_every_reply_has_the_official_shape_save_where_the_contract_decides(replies: Replies) -> None:
    found = found_deviations(replies)
    assert {place: reason for place, reason in found.items() if place not in DEVIATIONS} == {}


def test_no_deviation_is_listed_that_nothing_needs(replies: Replies) -> None:
    assert set(DEVIATIONS) - set(found_deviations(replies)) == set()


def test_every_operation_is_asked_with_all_its_documented_fields() -> None:
    for operation in list_operations():
        schema = request_schema(operation)
        if schema is None:
            continue
        bodies = [call.body for call in CALLS if call.operation == operation]
        for body in bodies:
            assert list(errors_of(body, schema)) == [], operation
        left = set.intersection(*(set(missing_fields(body, schema)) for body in bodies))
        assert left == set(), operation


def test_every_operation_is_asked_with_all_its_documented_parameters() -> None:
    for operation in list_operations():
        queries = "&".join(call.query for call in CALLS if call.operation == operation)
        documented = [each["name"] for each in get_operation(operation).get("parameters", []) if each["in"] == "query"]
        assert [name for name in documented if f"{name}=" not in queries] == [], operation


def test_the_lists_in_the_replies_are_not_empty(replies: Replies) -> None:
    for call, reply in replies:
        if call.query.startswith("?page") and reply.status_code == 200:
            assert reply.json()["data"], call
        if call.path.endswith("/retrieve"):
            assert reply.json()["records"], call


def test_both_languages_specify_the_same() -> None:
    assert without_words(read_spec("zh")) == without_words(read_spec("en"))


def without_words(value: Any) -> Any:
    """Return a part of the specification without what is written for readers."""
    words = {"description", "summary", "title", "tags", "operationId"}
    if isinstance(value, dict):
        return {
            name: without_words(inner)
            for name, inner in value.items()
            # A property may have such a name; then its schema stands there.
            if name != "x-mint" and (name not in words or isinstance(inner, dict))
        }
    if isinstance(value, list):
        return [without_words(inner) for inner in value]
    return value


def test_the_validator_finds_wrong_kinds_nulls_and_strangers() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "additionalProperties": False,
        "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string", "nullable": True}}},
    }
    assert list(errors_of({"a": 1, "b": ["x", None]}, schema)) == []
    assert list(errors_of({"a": True, "b": [1], "c": 1}, schema)) == [
        ("$.a", "is no integer"),
        ("$.b[]", "is no string"),
        ("$.c", "is not in the specification"),
    ]
    assert list(errors_of({"b": None}, schema)) == [("$.a", "is missing"), ("$.b", "is null")]
    assert list(missing_fields({"a": 1}, schema)) == ["$.b"]
