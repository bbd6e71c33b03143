"""Which errors an operation can answer with: those it declares, and those that every operation of its kind has."""

from zhiku.errors import (
    BadRequest,
    FileTooLarge,
    Forbidden,
    InvalidParam,
    NotFound,
    StorageFull,
    Unauthorized,
    Unavailable,
    ZhikuError,
)
from zhiku.http.operation import Operation


def errors_by_status(declared: Operation) -> dict[int, dict[str, type[ZhikuError]]]:
    """Return an operation's errors by status and code, in the order of the statuses (contract 3.7)."""
    found: dict[int, dict[str, type[ZhikuError]]] = {}
    for error in (*_common_errors(declared), *declared.errors):
        found.setdefault(error.status, {})[error.code] = error
    return dict(sorted(found.items()))


def _common_errors(declared: Operation) -> list[type[ZhikuError]]:
    common: list[type[ZhikuError]] = [ZhikuError]
    if declared.is_keyed:
        common += [Unauthorized, Unavailable]
    if "{dataset_id" in declared.path:
        common += [NotFound, Forbidden]
    if "{" in declared.path:
        common.append(NotFound)
    if declared.is_rate_limited or (declared.is_keyed and declared.method != "GET"):
        common.append(Forbidden)
    if declared.query is not None or declared.is_paged:
        common.append(InvalidParam)
    if declared.body is not None or declared.is_upload:
        common += [BadRequest, InvalidParam, FileTooLarge]
    if declared.is_keyed and declared.method != "GET":
        common.append(StorageFull)
    return common
