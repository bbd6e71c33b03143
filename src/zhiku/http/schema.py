"""Wire shapes: what every request model has in common, and how a reply becomes bytes (contract 2.4)."""

from collections.abc import Iterator, Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, JsonValue, ValidationError, model_validator
from starlette.responses import Response

from zhiku.errors import InvalidParam

M = TypeVar("M", bound="WireModel")

NULL_CLEARS = "null clears"
"""Mark of a field where null is a value and not an absence: `Annotated[str | None, NULL_CLEARS]`."""

_NO_NUMBER = object()
"""Stands for a boolean where a number belongs: no type takes it, so the message names the field and what it wants."""


def example(**fields: JsonValue) -> ConfigDict:
    """Return the `model_config` of a request shape that shows an example of itself in the OpenAPI."""
    return ConfigDict(json_schema_extra={"examples": [dict(fields)]})


class WireModel(BaseModel):
    """Base of request shapes: unknown fields are ignored, null for an optional field means absent."""

    model_config: ClassVar[ConfigDict] = ConfigDict(allow_inf_nan=False, validate_by_name=True, validate_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def read_as_clients_write(cls, raw: Any) -> Any:
        """Drop nulls of optional fields, and keep a boolean from passing as a number."""
        if not isinstance(raw, dict):
            return raw
        given = cast(dict[str, Any], raw)
        nullable, numeric = _field_kinds(cls)
        shaped: dict[str, Any] = {}
        for name, value in given.items():
            if value is None and name in nullable:
                continue
            shaped[name] = _NO_NUMBER if isinstance(value, bool) and name in numeric else value
        return shaped


def _drop_nul(content: str) -> str:
    return content.replace("\0", "")


ContentText = Annotated[str, AfterValidator(_drop_nul)]
"""Text of a document or segment: NUL is dropped from it, where any other string with one is refused."""


def parse(model: type[M], raw: object) -> M:
    """Return `raw` as a request shape. Raises InvalidParam that names the first field that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidParam(f"{field}: {reason}", params=field) from error


def refuse_nul(shape: WireModel) -> None:
    """Raise InvalidParam if any string in the shape holds NUL; `ContentText` never does."""
    refuse_nul_in(shape.model_dump())


def refuse_nul_in(fields: Mapping[str, object]) -> None:
    """Raise InvalidParam if any string in the fields holds NUL."""
    for field, value in fields.items():
        if any("\0" in text for text in _strings(value)):
            raise InvalidParam(f"{field}: must not contain NUL", params=field)


def has_required_field(model: type[WireModel]) -> bool:
    """Return whether an empty object is not enough for this shape."""
    return any(field.is_required() for field in model.model_fields.values())


def encode(body: object, status: int = 200) -> Response:
    """Return a JSON reply of dicts, lists, dataclasses, msgspec structs or pydantic models."""
    return Response(msgspec.json.encode(body, enc_hook=_encode_model), status, media_type="application/json")


def no_content() -> Response:
    """Return a 204 reply, which has neither body nor content type."""
    return Response(status_code=204)


@cache
def _field_kinds(model: type[WireModel]) -> tuple[frozenset[str], frozenset[str]]:
    nullable: set[str] = set()
    numeric: set[str] = set()
    for name, field in model.model_fields.items():
        names = {name, field.alias or name}
        if not field.is_required() and NULL_CLEARS not in field.metadata:
            nullable |= names
        kinds = set(_alternatives(field.annotation))
        if kinds & {int, float} and bool not in kinds:
            numeric |= names
    return frozenset(nullable), frozenset(numeric)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the types that a value may have, without what `Annotated` says of them."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _alternatives(arguments[0])
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _alternatives(argument)
    else:
        yield annotation


def _strings(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pairs = cast(dict[object, object], value)
            waiting.extend(pairs.keys())
            waiting.extend(pairs.values())
        elif isinstance(value, list | tuple | set | frozenset):
            waiting.extend(cast("list[object]", value))


def _encode_model(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump()
    raise NotImplementedError(f"{type(value).__name__} has no place in a reply")
