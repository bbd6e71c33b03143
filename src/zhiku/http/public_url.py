"""Where clients reach this server, for links in replies (contract 11.13)."""

import re

from starlette.requests import Request

from zhiku.http.runtime import get_runtime

_HOST = re.compile(r"[A-Za-z0-9._~-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_SCHEMES = ("http", "https")


def read_public_url(request: Request) -> str:
    """Return the base of absolute links, without a slash at its end.

    The configured one, else what a proxy forwards, else the request's host. A host that is none is passed over.
    """
    settings = get_runtime(request).settings
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    scheme = _first(request, "x-forwarded-proto").lower()
    if scheme not in _SCHEMES:
        scheme = request.url.scheme
    for name in ("x-forwarded-host", "host"):
        host = _first(request, name)
        if _HOST.fullmatch(host):
            return f"{scheme}://{host}"
    return f"{scheme}://{settings.host}:{settings.port}"


def _first(request: Request, name: str) -> str:
    """Return what the outermost of several proxies wrote."""
    return request.headers.get(name, "").split(",")[0].strip()
