"""What clients of the API expect of any server behind it: prefix, slashes, HEAD, OPTIONS, CORS (contract 11.3, D15)."""

import re
import secrets

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiku.errors import NotFound
from zhiku.http.envelope import allowed_methods, error_response

PREFIX = "/v1"
# Pages have relative links, so their slash counts.
PAGES = "/console"
REQUEST_ID = "zhiku.request_id"
ASKED_PATH = "zhiku.asked_path"

CORS_METHODS = "GET, PUT, POST, DELETE, OPTIONS, PATCH"
CORS_HEADERS = ("Content-Type", "Authorization", "X-App-Code")
CORS_MAX_AGE_SECONDS = "600"
MAX_REQUESTED_CHARS = 1000

_ALWAYS_SENT = [(b"access-control-allow-origin", b"*"), (b"x-content-type-options", b"nosniff")]
_SLASHES = re.compile("/{2,}")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Compat:
    """Middleware that gives every request its served path and id, and every reply its common headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        # A copy, because the server goes by its own scope: it keeps the body of a HEAD to itself.
        request_id = _request_id(scope)
        served: Scope = {
            **scope,
            "path": served_path(scope["path"]),
            "method": "GET" if method == "HEAD" else method,
            ASKED_PATH: scope["path"],
            REQUEST_ID: request_id.decode(),
        }
        common = [*_ALWAYS_SENT, (b"x-request-id", request_id)]

        async def send_common(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *common]
            await send(message)

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send_common(message)

        if method == "OPTIONS" or "\0" in served["path"]:
            await _answer_here(served)(served, receive, send_common)
        else:
            await self._app(served, receive, send_head if method == "HEAD" else send_common)


def served_path(path: str) -> str:
    """Return the path that routes know: no prefix, no double slashes, none at the end."""
    if "//" in path:
        path = _SLASHES.sub("/", path)
    if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in {"", "/"}:
        path = path[len(PREFIX) :]
    if path.endswith("/") and not path.startswith(PAGES):
        path = path[:-1]
    return path or "/"


def _answer_here(scope: Scope) -> Response:
    allowed = allowed_methods(scope["app"].router.routes, scope)
    if not allowed or "\0" in scope["path"]:
        return error_response(NotFound(), scope)
    headers = Headers(scope=scope)
    answer = Response(headers={"Allow": ", ".join(allowed)})
    if "access-control-request-method" in headers:
        asked = headers.get("access-control-request-headers", "")[:MAX_REQUESTED_CHARS]
        answer.headers["Access-Control-Allow-Methods"] = CORS_METHODS
        answer.headers["Access-Control-Allow-Headers"] = ", ".join([*CORS_HEADERS, *([asked] if asked else [])])
        answer.headers["Access-Control-Max-Age"] = CORS_MAX_AGE_SECONDS
    return answer


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value
    return secrets.token_hex(8).encode()
