"""The official OpenAPI of the Knowledge API: where it lies, its operations, and a validator of the shapes it uses."""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.groups import leave_out

GROUP = "official specification"
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
# What may stand in a schema; anything else must fail loudly instead of being passed over.
KNOWN = {
    "type", "nullable", "properties", "required", "items", "enum", "oneOf", "$ref", "additionalProperties",
    "description", "default", "format", "title", "example", "deprecated",
    # Bounds of requests, which have tests of their own.
    "minLength", "maxLength", "minItems", "maxItems", "minimum",
}  # fmt: skip

Schema = dict[str, Any]


def shared_folder() -> Path:
    """Return the folder of files that are no part of the repository: `ZHIKU_SHARED`, or `shared` beside it."""
    beside = Path(__file__).resolve().parents[2].parent / "shared"
    return Path(os.environ.get("ZHIKU_SHARED", beside))


def shared_file(name: str) -> Path:
    """Return a shared file's path; leaves the test out where it is missing."""
    path = shared_folder() / name
    if not path.exists():
        leave_out(GROUP, f"{path.name} is not there; set ZHIKU_SHARED")
    return path


@cache
def read_spec(language: str = "en") -> Schema:
    """Return the official specification; leaves the test out where it is missing."""
    return json.loads(shared_file(f"contract/openapi-knowledge.{language}.json").read_text(encoding="utf-8"))


def list_operations() -> list[str]:
    """Return method and path of every operation."""
    return [f"{method.upper()} {path}" for path, methods in read_spec()["paths"].items() for method in methods]


def get_operation(name: str) -> Schema:
    """Return what the specification says of an operation, named by method and path."""
    method, path = name.split(" ")
    return read_spec()["paths"][path][method.lower()]


def success_of(operation: str) -> tuple[int, dict[str, Schema]]:
    """Return the only good status of an operation, and its replies by content type."""
    ((status, reply),) = [each for each in get_operation(operation)["responses"].items() if each[0] < "300"]
    return int(status), reply.get("content", {})


def request_schema(operation: str) -> Schema | None:
    """Return the schema of an operation's body, of the `data` part in a form; None if it has none."""
    content = get_operation(operation).get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return content["application/json"]["schema"]
    return None


def error_samples(operation: str) -> dict[tuple[int, str], Schema]:
    """Return the sample replies of an operation's errors by status and name."""
    return {
        (int(status), name): sample["value"]
        for status, reply in get_operation(operation)["responses"].items()
        if status >= "300"
        for name, sample in reply["content"]["application/json"]["examples"].items()
    }


def errors_of(value: object, schema: Schema, place: str = "$") -> Iterator[tuple[str, str]]:
    """Yield each place where a value breaks the schema, and why; list items share one place, `name[]`."""
    schema = resolved(schema)
    unknown = set(schema) - KNOWN
    assert not unknown, f"{place}: the validator does not know {unknown}"
    if value is None:
        if not schema.get("nullable"):
            yield place, "is null"
        return
    if "oneOf" in schema:
        found = [list(errors_of(value, option, place)) for option in schema["oneOf"]]
        if all(found):
            yield place, "matches no option"
        return
    kind = schema.get("type")
    if kind is not None and not is_kind(value, kind):
        yield place, f"is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield place, f"is not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from _object_errors(value, schema, place)
    elif isinstance(value, list):
        for item in value:
            yield from errors_of(item, schema.get("items", {}), f"{place}[]")


def missing_fields(value: object, schema: Schema, place: str = "$") -> Iterator[str]:
    """Yield each documented field that an object lacks: the specification requires few, clients read them all."""
    schema = resolved(schema)
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from missing_fields(value[name], inner, f"{place}.{name}")
            else:
                yield f"{place}.{name}"
    elif isinstance(value, list):
        for item in value:
            yield from missing_fields(item, schema.get("items", {}), f"{place}[]")


def resolved(schema: Schema) -> Schema:
    """Return the schema that a reference points at."""
    while "$ref" in schema:
        found: Schema = read_spec()
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    return schema


def is_kind(value: object, kind: str) -> bool:
    """Tell whether a value has this JSON type; a boolean is no number."""
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _object_errors(value: dict[str, Any], schema: Schema, place: str) -> Iterator[tuple[str, str]]:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{place}.{name}", "is missing"
    for name, inner in value.items():
        if name in properties:
            yield from errors_of(inner, properties[name], f"{place}.{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{place}.{name}", "is not in the specification"
