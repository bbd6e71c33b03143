"""Routes of the server itself: welcome, health, metrics and the API's description."""

from importlib.resources import files
from typing import Annotated, TypedDict

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from zhiku import __version__
from zhiku.access.service import is_ready
from zhiku.errors import NotFound, Unavailable
from zhiku.http.compat import ASKED_PATH
from zhiku.http.openapi import build_openapi
from zhiku.http.operation import operation
from zhiku.http.reply import Media, OpenObject, one_of
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode

router = Router()

ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
}
# The page's own scripts only; Swagger UI sets inline styles and draws with data: images.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class WelcomeBody(TypedDict):
    """Who answers here."""

    welcome: Annotated[str, "A greeting."]
    api_version: Annotated[str, "Version of the API: the `v1` in its paths."]
    server_version: Annotated[str, "Version of the server."]


class HealthBody(TypedDict):
    """How the server is."""

    status: Annotated[str, "What it can do.", one_of("ok", "ready")]


@operation(
    router,
    "GET",
    "/",
    reply=WelcomeBody,
    other_replies={302: Media("A browser is sent to the console.", ())},
    is_keyed=False,
)
async def welcome(request: Request) -> Response:
    """Greet, with the versions; a browser at `/` is sent to the console."""
    if request.scope[ASKED_PATH] == "/" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/console/", status_code=302)
    body: WelcomeBody = {
        "welcome": "Zhiku knowledge-base API",
        "api_version": "v1",
        "server_version": __version__,
    }
    return encode(body)


@operation(router, "GET", "/healthz", reply=HealthBody, is_keyed=False)
async def health(request: Request) -> Response:
    """Answer as soon as requests are served."""
    body: HealthBody = {"status": "ok"}
    return encode(body)


@operation(router, "GET", "/readyz", reply=HealthBody, is_keyed=False, errors=(Unavailable,))
async def readiness(request: Request, rt: RuntimeDep) -> Response:
    """Answer when the catalog can be read and nothing has to be rebuilt first."""
    if not await in_thread(is_ready, rt):
        raise Unavailable("The server has not finished starting. Try again in a moment.")
    for check in request.app.state.readiness_checks:
        reason: str | None = await in_thread(check)
        if reason is not None:
            raise Unavailable(reason)
    body: HealthBody = {"status": "ready"}
    return encode(body)


@operation(
    router,
    "GET",
    "/metrics",
    reply=Media("Figures in Prometheus' text format.", ("text/plain",), is_text=True),
    is_keyed=False,
)
async def metrics(request: Request) -> Response:
    """Tell the server's figures in Prometheus' text format."""
    text = await in_thread(generate_latest, request.app.state.metrics.registry)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


@operation(router, "GET", "/openapi.json", reply=OpenObject, is_keyed=False)
async def openapi_document(request: Request) -> Response:
    """Describe every operation as OpenAPI."""
    state = request.app.state
    if state.openapi is None:
        state.openapi = await in_thread(build_openapi, request.app.router.routes)
    return encode(state.openapi)


@operation(
    router,
    "GET",
    "/docs",
    reply=Media("The page.", ("text/html",), is_text=True),
    is_keyed=False,
)
async def docs_page(request: Request) -> Response:
    """Show the operations on a page to read and try."""
    return _asset("index.html", "text/html; charset=utf-8")


@operation(
    router,
    "GET",
    "/docs/{asset}",
    reply=Media("A script or a style sheet.", ("text/css", "text/javascript"), is_text=True),
    is_keyed=False,
)
async def docs_asset(request: Request, asset: str) -> Response:
    """Give a file of the docs page."""
    if asset not in ASSETS:
        raise NotFound
    return _asset(asset, ASSETS[asset])


def _asset(name: str, content_type: str) -> Response:
    content = files("zhiku.http").joinpath("static", name).read_bytes()
    headers = {"Content-Type": content_type, "Content-Security-Policy": DOCS_POLICY, "Cache-Control": "max-age=3600"}
    return Response(content, headers=headers)
