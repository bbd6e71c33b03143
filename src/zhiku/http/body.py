"""JSON bodies as clients write them, and what is refused in one (contract 11.1, D5; promise 14)."""

import codecs
import json
import math
from collections.abc import Iterable
from itertools import chain
from typing import Any, NoReturn, cast

from zhiku.errors import BadRequest, InvalidParam

MAX_DEPTH = 64

# The longer marks first: UTF-32 little-endian begins with the mark of UTF-16.
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_json(raw: bytes) -> dict[str, Any] | None:
    """Return the object in a body, None for an empty body and for `null`, which one client sends for empty.

    Raises BadRequest as `decode_value` does, InvalidParam for JSON that is no object.
    """
    value = decode_value(raw)
    if value is not None and not isinstance(value, dict):
        raise InvalidParam("body: Input should be an object")
    return cast("dict[str, Any] | None", value)


def decode_value(raw: bytes) -> object:
    """Return any JSON value, None for no bytes or only blanks.

    Raises BadRequest for what is not JSON, for NaN and other numbers without a value, half surrogates, a key that
    comes twice and more than 64 levels.
    """
    if not raw:
        return None
    try:
        text = raw.decode(_encoding(raw))
        if not text.strip():
            return None
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest from error
    may_hold_surrogates = "\\u" in text
    if may_hold_surrogates or text.count("{") + text.count("[") >= MAX_DEPTH:
        _check_values(value, may_hold_surrogates=may_hold_surrogates)
    return value


def _encoding(raw: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return encoding
    return "utf-8"


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key comes twice")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    # 1e999 is read as infinity.
    if not math.isfinite(value):
        raise ValueError(f"{number} is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_float=_finite, parse_constant=_refuse_constant)


def _check_values(root: object, *, may_hold_surrogates: bool) -> None:
    level: list[object] = [root]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _values_in(value, may_hold_surrogates)]
        if not level:
            return
    raise BadRequest


def _values_in(value: object, may_hold_surrogates: bool) -> Iterable[object]:
    if isinstance(value, dict):
        pairs = cast(dict[str, object], value)
        return chain(pairs, pairs.values()) if may_hold_surrogates else pairs.values()
    if isinstance(value, list):
        return cast(list[object], value)
    if may_hold_surrogates and isinstance(value, str):
        _refuse_half_surrogates(value)
    return ()


def _refuse_half_surrogates(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadRequest from error
