"""What a metadata value says when it is read as text, as a number or as a moment (contract 5.6)."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

HEAD_CHARS = 64
"""How much of a text the catalog can look up by an index."""

Scalar = str | int | float
Kind = Literal["string", "number", "null"]

# As JSON writes numbers, with the freedoms that people take: a plus, a bare point. No digits beyond ASCII.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MOMENT = re.compile(r"[0-9]{4}[-0-9W]*(?:[Tt ][0-9:.,]+ ?(?:[Zz]|[+-][0-9:]+)?)?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the catalog keeps it: null where it cannot be read so. `moment` is epoch seconds."""

    kind: Kind
    text: str | None
    number: float | None
    moment: float | None


def read_value(value: Scalar | None) -> Reading:
    """Return all readings of a value; a number's text is its JSON text."""
    if value is None:
        return Reading("null", None, None, None)
    kind: Kind = "string" if isinstance(value, str) else "number"
    return Reading(kind, as_text(value), as_number(value), as_moment(value))


def written_value(kind: str, text: str | None) -> Scalar | None:
    """Return the value that was read: the opposite of `read_value`."""
    if text is None:
        return None
    return json.loads(text) if kind == "number" else text


def as_text(value: Scalar) -> str:
    """Return a string as it is, a number as JSON text: 5, 5.5."""
    return value if isinstance(value, str) else json.dumps(value)


def as_number(value: Scalar) -> float | None:
    """Return a number, or a string that holds one; None for anything else and for what is too large."""
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_moment(value: Scalar) -> float | None:
    """Return epoch seconds of a number, of a numeric string, or of an ISO 8601 date or time (without zone UTC)."""
    number = as_number(value)
    if number is not None or not isinstance(value, str):
        return number
    value = value.strip()
    if not _MOMENT.fullmatch(value):
        return None
    try:
        moment = datetime.fromisoformat(value.upper().replace(" +", "+").replace(" -", "-").replace(" Z", "Z"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
