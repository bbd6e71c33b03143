"""A metadata condition as one plain check of one value, whoever runs it, SQL or Python (pure; contract 5.6)."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zhiku.datasets.metadata_conditions import Condition
from zhiku.text.readings import Reading, Scalar, as_moment, as_number, as_text

Kind = Literal["always", "empty", "contains", "starts", "ends", "one_of", "number", "moment"]
Symbol = Literal["=", "<", ">", "≤", "≥"]


@dataclass(frozen=True, slots=True)
class Check:
    """What a value must be like.

    The first kinds read its text, which must be like any of `texts`; `number` and `moment` compare that reading with
    `operand`, None for one that nothing compares to. A value that is missing or null passes `always` and `empty`
    alone, not even what is negated.
    """

    kind: Kind
    is_negated: bool = False
    texts: tuple[str, ...] = ()
    symbol: Symbol = "="
    operand: float | None = None


_NEGATED = ("not contains", "not in", "is not", "≠")
_PATTERNS: dict[str, Kind] = {
    "contains": "contains",
    "not contains": "contains",
    "start with": "starts",
    "end with": "ends",
}
_SYMBOLS: dict[str, Symbol] = {">": ">", "<": "<", "≥": "≥", "≤": "≤", "before": "<", "after": ">"}
_COMPARE: dict[Symbol, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "≤": operator.le,
    "≥": operator.ge,
}


def make_check(condition: Condition, field_type: str) -> Check | None:
    """Return the check of a condition on a field of this type, None for one that is skipped for want of a value."""
    name, value = condition.comparison_operator, condition.value
    if name in ("empty", "not empty"):
        return Check("empty", is_negated=name == "not empty")
    if value is None:
        return None
    is_negated = name in _NEGATED
    if name in ("in", "not in"):
        texts = _list_texts(value)
        return Check("one_of", is_negated, texts) if texts or not is_negated else Check("always")
    if name in _PATTERNS:
        return Check(_PATTERNS[name], is_negated, _texts(value))
    if isinstance(value, list):
        raise TypeError(f"{name} takes one value")
    if name in _SYMBOLS:
        is_moment = name in ("before", "after") or field_type == "time"
        operand = as_moment(value) if is_moment else as_number(value)
        return Check("moment" if is_moment else "number", symbol=_SYMBOLS[name], operand=operand)
    return _equality(value, field_type, is_negated)


def passes(check: Check, reading: Reading | None) -> bool:
    """Tell whether a value passes; None is a field that the document does not have."""
    if check.kind == "always":
        return True
    text = reading.text if reading else None
    if check.kind == "empty":
        return (text is None or not text) != check.is_negated
    if reading is None or text is None:
        return False
    return _is_like(check, reading, text) != check.is_negated


def _is_like(check: Check, reading: Reading, text: str) -> bool:
    if check.kind == "contains":
        return any(wanted in text for wanted in check.texts)
    if check.kind == "starts":
        return text.startswith(check.texts)
    if check.kind == "ends":
        return text.endswith(check.texts)
    if check.kind == "one_of":
        return text in check.texts
    compared = reading.number if check.kind == "number" else reading.moment
    return compared is not None and check.operand is not None and _COMPARE[check.symbol](compared, check.operand)


def _equality(value: Scalar, field_type: str, is_negated: bool) -> Check:
    """Numbers are compared as numbers, also those in strings where the field is one of numbers (contract 11.17)."""
    if field_type == "time":
        moment = as_moment(value)
        if moment is not None:
            return Check("moment", is_negated, operand=moment)
    elif field_type == "number" or not isinstance(value, str):
        number = as_number(value)
        if number is not None:
            return Check("number", is_negated, operand=number)
    return Check("one_of", is_negated, (as_text(value),))


def _texts(value: Scalar | list[Scalar]) -> tuple[str, ...]:
    return tuple(map(as_text, value)) if isinstance(value, list) else (as_text(value),)


def _list_texts(value: Scalar | list[Scalar]) -> tuple[str, ...]:
    """Return the items of a list, or of a string that is separated by commas: trimmed, blanks dropped."""
    if not isinstance(value, str):
        return _texts(value)
    return tuple(item.strip() for item in value.split(",") if item.strip())
