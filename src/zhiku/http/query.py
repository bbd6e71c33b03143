"""Query strings as clients write them: empty means absent, the first value wins, lists in three spellings."""

from typing import Any, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

from zhiku.errors import InvalidParam
from zhiku.http.schema import WireModel, parse, refuse_nul

M = TypeVar("M", bound=WireModel)

MAX_PARAMETERS = 1000


def parse_query(query_string: bytes, model: type[M]) -> M:
    """Return the query string as a request shape (contract D11, 11.7).

    A list field takes `a=1&a=2`, `a[]=1` and `a=1,2` alike. Raises InvalidParam for a wrong value, bytes that are
    not UTF-8 and more than 1,000 parameters.
    """
    if not query_string:
        return parse(model, {})
    try:
        pairs = parse_qsl(query_string.decode(), encoding="utf-8", errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError as error:
        raise InvalidParam("query: is not UTF-8") from error
    except ValueError as error:
        raise InvalidParam(f"query: more than {MAX_PARAMETERS} parameters") from error
    listed = {name for name, field in model.model_fields.items() if _is_list(field.annotation)}
    raw: dict[str, Any] = {}
    for written, value in pairs:
        name = written.removesuffix("[]")
        if name in listed:
            raw.setdefault(name, []).extend(part for part in value.split(",") if part)
        else:
            raw.setdefault(written, value)
    shape = parse(model, raw)
    if b"%00" in query_string or b"\0" in query_string:
        refuse_nul(shape)
    return shape


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(get_origin(part) is list for part in get_args(annotation))
