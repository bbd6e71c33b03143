"""Any exception to the contract's envelope, `{code, message, status}` (2.2); nothing inside is ever told."""

import errno
from collections.abc import Iterable
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiku.errors import BadRequest, MethodNotAllowed, NotFound, StorageFull, Unavailable, ZhikuError
from zhiku.http.schema import encode

log: structlog.stdlib.BoundLogger = structlog.get_logger()

DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
DISK_REFUSES = {errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE}
RETRY_AFTER_SECONDS = "1"
METHOD_ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Envelope:
    """Middleware that turns every exception below it into a reply; the server never sees one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def watched_send(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - whatever happened, the caller gets the envelope
            known = as_zhiku_error(error)
            if type(known) is ZhikuError or is_started:
                _log_failure(scope, error)
            # A reply that has begun cannot become an error; the server cuts the connection.
            if not is_started:
                await error_response(known, scope)(scope, receive, send)


def as_zhiku_error(error: Exception) -> ZhikuError:
    """Return the error a caller is told; a plain ZhikuError, which is a 500, for what nobody expected."""
    if isinstance(error, ZhikuError):
        return error
    if isinstance(error, HTTPException):
        return _from_http(error)
    if isinstance(error, OSError):
        if error.errno in DISK_FULL:
            return StorageFull()
        if error.errno in DISK_REFUSES:
            return Unavailable()
    return ZhikuError()


def error_response(error: ZhikuError, scope: Scope) -> Response:
    """Return the envelope with the headers that its status asks for."""
    body: dict[str, Any] = {"code": error.code, "message": str(error), "status": error.status}
    if error.params is not None:
        body["params"] = error.params
    response = encode(body, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="api"'
    elif error.status == 405:
        response.headers["Allow"] = ", ".join(allowed_methods(scope["app"].router.routes, scope))
    elif error.status == 503:
        response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response


def allowed_methods(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """Return what may be done at the scope's path, in a fixed order; empty if no route has it."""
    methods: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            methods |= getattr(route, "methods", None) or {"GET", "HEAD"}
    if methods:
        methods.add("OPTIONS")
    return [method for method in METHOD_ORDER if method in methods]


def _from_http(error: HTTPException) -> ZhikuError:
    if error.status_code == 404:
        return NotFound()
    if error.status_code == 405:
        return MethodNotAllowed()
    return BadRequest() if 400 <= error.status_code < 500 else ZhikuError()


def _log_failure(scope: Scope, error: Exception) -> None:
    log.error(
        "request failed",
        request_id=scope.get("zhiku.request_id"),
        method=scope["method"],
        route=getattr(scope.get("endpoint"), "path", None),
        exc_info=error,
    )
