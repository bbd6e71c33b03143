"""Signing in and out, and what a person chose for this browser: language and theme."""

from urllib.parse import urlsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from zhiku.access.sessions import SESSION_SECONDS, Throttle, close_session, open_session
from zhiku.console.language import LANGUAGES
from zhiku.console.pages import (
    HOME,
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    SIGN_IN,
    THEME_COOKIE,
    THEMES,
    YEAR_SECONDS,
    Pages,
    Visit,
    find_request_session,
    render_open,
    set_cookie,
)
from zhiku.http.limits import read_capped
from zhiku.http.runtime import get_runtime, in_thread

pages = Pages()

MAX_SIGN_IN_BYTES = 4096


async def show_sign_in(request: Request) -> Response:
    """Show the form, or go on if its cookie is good already."""
    if await find_request_session(request) is not None:
        return RedirectResponse(HOME, status_code=303)
    return render_open(request, "sign_in.html", next=_safe_next(request.query_params.get("next")), problem=None)


async def sign_in(request: Request) -> Response:
    """Open a session for the right password."""
    form = QueryParams((await read_capped(request, MAX_SIGN_IN_BYTES)).decode("utf-8", "replace"))
    target = _safe_next(form.get("next"))
    throttle: Throttle = request.app.state.throttle
    address = request.client.host if request.client else ""
    if not throttle.admit(address):
        return render_open(request, "sign_in.html", 429, next=target, problem="sign_in.too_often")
    opened = await in_thread(open_session, get_runtime(request), form.get("password", ""))
    if opened is None:
        return render_open(request, "sign_in.html", 403, next=target, problem="sign_in.wrong")
    throttle.forget(address)
    response = RedirectResponse(target, status_code=303)
    set_cookie(request, response, SESSION_COOKIE, opened[0], int(SESSION_SECONDS))
    return response


@pages.post("/sign-out")
async def sign_out(visit: Visit) -> Response:
    """End the session."""
    await in_thread(close_session, visit.rt, visit.session)
    response = RedirectResponse(SIGN_IN, status_code=303)
    response.delete_cookie(SESSION_COOKIE, path="/console")
    return response


async def choose(request: Request) -> Response:
    """Keep the chosen language or theme in the browser, and go back."""
    response = RedirectResponse(_safe_next(request.query_params.get("next")), status_code=303)
    language, theme = request.query_params.get("language"), request.query_params.get("theme")
    if language in LANGUAGES:
        set_cookie(request, response, LANGUAGE_COOKIE, language, YEAR_SECONDS)
    if theme in THEMES:
        set_cookie(request, response, THEME_COOKIE, theme, YEAR_SECONDS)
    return response


OPEN_ROUTES: list[BaseRoute] = [
    Route("/sign-in", show_sign_in, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/choose", choose, methods=["GET"]),
]


def _safe_next(wanted: str | None) -> str:
    """Return where to go on: a page of the console, never another site."""
    parts = urlsplit(wanted or "")
    is_ours = not parts.scheme and not parts.netloc and parts.path.startswith("/console/") and "\\" not in parts.path
    return parts.path if is_ours and parts.path != SIGN_IN else HOME
