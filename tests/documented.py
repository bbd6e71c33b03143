"""Holds every reply that tests get to the server's own OpenAPI: status, content type, error code and body."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from httpx2 import Request, Response
from jsonschema_rs import Draft202012Validator
from starlette.applications import Starlette
from starlette.routing import Match, Route

from zhiku.http.compat import served_path
from zhiku.http.openapi import build_openapi, plain_path
from zhiku.http.operation import Endpoint

JSON = "application/json"


def check_replies(app: Starlette) -> Callable[[Response], None]:
    """Return a hook for a client of the app; it raises AssertionError for a reply that the document does not allow."""
    routes = [route for route in app.router.routes if isinstance(route, Route) and isinstance(route.endpoint, Endpoint)]
    key = tuple(route.endpoint for route in routes)
    if key not in _documents:
        _documents[key] = ApiDocument(routes)
    document = _documents[key]

    def check(reply: Response) -> None:
        endpoint = _endpoint(app, reply.request)
        if reply.request.method == "OPTIONS" or endpoint is _UNDOCUMENTED:
            return
        reply.read()
        found = document.faults(endpoint, reply)
        assert not found, f"{reply.request.method} {reply.request.url.path}, {reply.status_code}: " + "; ".join(found)

    return check


class ApiDocument:
    """The OpenAPI document of some routes, and what it says of a reply."""

    def __init__(self, routes: list[Route]) -> None:
        self.document = build_openapi(routes)
        self._validators: dict[str, Draft202012Validator] = {}

    def faults(self, endpoint: Endpoint | None, reply: Response) -> list[str]:
        """Return what is wrong with a reply of an operation, or of a path or method that none has."""
        if endpoint is None:
            return self._schema_faults({"$ref": "#/components/schemas/Error"}, reply)
        path, method = plain_path(endpoint.path), endpoint.operation.method.lower()
        documented = self.document["paths"][path][method]["responses"].get(str(reply.status_code))
        if documented is None:
            return ["the status is not documented"]
        return self._content_faults(documented.get("content", {}), reply)

    def _content_faults(self, content: dict[str, Any], reply: Response) -> list[str]:
        media_type = reply.headers.get("content-type", "").partition(";")[0]
        if not content or not media_type:
            is_head = reply.request.method == "HEAD"
            return [] if not content and (is_head or not reply.content) else ["a body or its type is missing"]
        for documented, described in content.items():
            if fnmatchcase(media_type, documented):
                is_json = documented == JSON and reply.request.method != "HEAD"
                return self._schema_faults(described["schema"], reply) if is_json else []
        return [f"the content type {media_type} is not documented"]

    def _schema_faults(self, schema: dict[str, Any], reply: Response) -> list[str]:
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self.document["components"]}
            self._validators[key] = Draft202012Validator(whole, validate_formats=True)
        if reply.request.method == "HEAD":
            return []
        errors = self._validators[key].iter_errors(reply.json())
        return [f"{'.'.join(map(str, error.instance_path)) or 'body'}: {error.message}" for error in errors]


_UNDOCUMENTED = object()
_documents: dict[tuple[Any, ...], ApiDocument] = {}
"""One for each set of routes: making it takes as long as a test."""


def _endpoint(app: Starlette, request: Request) -> Any:
    """Return the operation's endpoint, None where the server has no such path or method, or that it is no operation."""
    method = "GET" if request.method == "HEAD" else request.method
    scope = {"type": "http", "path": served_path(request.url.path), "method": method, "headers": []}
    is_other = False
    for route in app.router.routes:
        match, _ = route.matches(scope)
        if match is Match.FULL:
            endpoint = getattr(route, "endpoint", None)
            return endpoint if isinstance(endpoint, Endpoint) else _UNDOCUMENTED
        is_other = is_other or (match is Match.PARTIAL and not isinstance(getattr(route, "endpoint", None), Endpoint))
    return _UNDOCUMENTED if is_other else None
