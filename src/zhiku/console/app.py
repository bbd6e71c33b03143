"""The console's application: its pages, its files, and its own page for whatever goes wrong."""

from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from zhiku.access.sessions import Throttle
from zhiku.console import (
    apps,
    cutting,
    datasets,
    document,
    documents,
    evaluation,
    keys,
    lab,
    session,
    settings,
    system,
    versions,
)
from zhiku.console.pages import HOME, read_asset, render_error
from zhiku.errors import ZhikuError
from zhiku.http.envelope import as_zhiku_error
from zhiku.runtime import Runtime

PAGES = tuple(
    module.pages
    for module in (
        session,
        datasets,
        documents,
        cutting,
        document,
        versions,
        lab,
        evaluation,
        settings,
        apps,
        keys,
        system,
    )
)
ASSET_SECONDS = 365 * 24 * 3600


def create_console(rt: Runtime) -> Starlette:
    """Return the application to be mounted at `/console`."""
    console = Starlette(exception_handlers={HTTPException: _show_error, ZhikuError: _show_error})
    console.state.runtime = rt
    console.state.throttle = Throttle(rt.clock)
    console.router.redirect_slashes = False
    console.router.routes.extend([Route("/", _go_home), Route("/static/{name}", _give_asset)])
    console.router.routes.extend(session.OPEN_ROUTES)
    for pages in PAGES:
        console.router.routes.extend(pages.routes)
    return console


async def _go_home(_request: Request) -> Response:
    return RedirectResponse(HOME, status_code=302)


async def _give_asset(request: Request) -> Response:
    content, kind, version = read_asset(cast(str, request.path_params["name"]))
    is_versioned = request.query_params.get("v") == version
    caching = f"public, max-age={ASSET_SECONDS}, immutable" if is_versioned else "no-cache"
    return Response(content, media_type=kind, headers={"Cache-Control": caching})


async def _show_error(request: Request, error: Exception) -> Response:
    return render_error(request, as_zhiku_error(error))
