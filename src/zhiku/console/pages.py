"""How a page of the console is declared, who may see it, and how it becomes HTML.

A handler is `async def handler(visit: Visit) -> Response`. Pages work without scripts: forms post and are answered by
a redirect, and what could not be done is said on the page that comes next.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from zhiku.access.actor import Actor
from zhiku.access.service import ensure_workspace
from zhiku.access.session_store import ConsoleSession
from zhiku.access.sessions import find_session
from zhiku.console.language import LANGUAGES, Language, choose_language
from zhiku.errors import Forbidden, NotFound, ZhikuError
from zhiku.http.limits import read_capped
from zhiku.http.public_url import read_public_url
from zhiku.http.runtime import get_runtime, in_thread
from zhiku.http.upload import Upload, read_upload
from zhiku.runtime import Runtime

HOME = "/console/datasets"
SIGN_IN = "/console/sign-in"
SESSION_COOKIE = "zhiku_session"
LANGUAGE_COOKIE = "zhiku_language"
THEME_COOKIE = "zhiku_theme"
NOTICE_COOKIE = "zhiku_notice"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
PAGE_SIZE = 20
YEAR_SECONDS = 365 * 24 * 3600
MAX_FORM_BYTES = 4 * 1024 * 1024
MAX_NOTICE_CHARS = 500
THEMES = ("auto", "light", "dark")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to a page by somebody who is signed in, with what its handler needs."""

    request: Request
    rt: Runtime
    language: Language
    session: ConsoleSession
    actor: Actor
    form: QueryParams

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        return cast(str, self.request.path_params[name])

    @property
    def query(self) -> QueryParams:
        """Return the parameters after the question mark."""
        return self.request.query_params

    @property
    def page_number(self) -> int:
        """Return the wanted page of a list, 1 for what is no number."""
        wanted = self.query.get("page", "1")
        return max(1, int(wanted)) if wanted.isdecimal() and len(wanted) < 10 else 1

    @property
    def is_fragment(self) -> bool:
        """Return whether a script asks for a part of the page to put in the place of the old one."""
        return self.request.headers.get("hx-request") == "true"

    def render(self, template: str, code: int = 200, **values: Any) -> Response:
        """Return a page made of a template; values are escaped wherever they stand."""
        return _respond(self.request, self.language, template, code, {"session": self.session, **values})

    def go(self, path: str, notice: str = "", **values: object) -> Response:
        """Return a redirect, with the text of a key to be shown on the page that comes next."""
        text = self.language.text(notice, **values) if notice else ""
        return go_with_notice(self.request, path, text)

    @asynccontextmanager
    async def upload(self) -> AsyncGenerator[Upload]:
        """Yield the request's upload, its form's token checked. Raises Forbidden, and what `read_upload` does."""
        async with read_upload(self.request) as upload:
            _check_csrf(self.request, self.session, str(upload.fields.get(CSRF_FIELD, "")))
            yield upload


Handler = Callable[[Visit], Awaitable[Response]]


class Pages:
    """The pages of one module, in the order of their declaration; `app.py` mounts them."""

    def __init__(self) -> None:
        self.routes: list[BaseRoute] = []

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Return a decorator that shows a page at `path`."""
        return self._register("GET", path, is_upload=False)

    def post(self, path: str, *, is_upload: bool = False) -> Callable[[Handler], Handler]:
        """Return a decorator that does what a form at `path` asks for; an upload's handler reads it itself."""
        return self._register("POST", path, is_upload=is_upload)

    def _register(self, method: str, path: str, *, is_upload: bool) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            async def serve(request: Request) -> Response:
                return await _serve(request, handler, is_upload=is_upload)

            self.routes.append(Route(path, serve, methods=[method], name=handler.__name__))
            return handler

        return register


def render_open(request: Request, template: str, code: int = 200, **values: Any) -> Response:
    """Return a page for somebody who need not be signed in."""
    return _respond(request, read_language(request), template, code, {"session": None, **values})


def render_error(request: Request, error: ZhikuError) -> Response:
    """Return the page of what could not be shown."""
    return render_open(request, "error.html", error.status, error=error)


def go_with_notice(request: Request, path: str, text: str = "", *, is_error: bool = False) -> Response:
    """Return a redirect to a page of the console that shows a text once."""
    response = RedirectResponse(path, status_code=303)
    if text:
        kept = quote(json.dumps({"text": text[:MAX_NOTICE_CHARS], "is_error": is_error}))
        set_cookie(request, response, NOTICE_COOKIE, kept, 60)
    return response


def set_cookie(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that only the console gets, and only over TLS if it came so."""
    is_secure = read_public_url(request).startswith("https:")
    response.set_cookie(name, value, max_age=seconds, path="/console", secure=is_secure, httponly=True, samesite="lax")


def read_language(request: Request) -> Language:
    """Return the language of a request."""
    return choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


async def find_request_session(request: Request) -> ConsoleSession | None:
    """Return the session of the request's cookie."""
    token = request.cookies.get(SESSION_COOKIE)
    return None if not token else await in_thread(find_session, get_runtime(request), token)


async def _serve(request: Request, handler: Handler, *, is_upload: bool) -> Response:
    session = await find_request_session(request)
    if session is None:
        return _send_to_sign_in(request)
    rt = get_runtime(request)
    workspace = await in_thread(ensure_workspace, rt)
    actor = Actor(workspace.owner_id, workspace.owner_name, "")
    try:
        form = QueryParams()
        if request.method == "POST" and not is_upload:
            form = QueryParams((await read_capped(request, MAX_FORM_BYTES)).decode("utf-8", "replace"))
            _check_csrf(request, session, form.get(CSRF_FIELD, ""))
        return await handler(Visit(request, rt, read_language(request), session, actor, form))
    except ZhikuError as error:
        return _refuse(request, error)


def _send_to_sign_in(request: Request) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": SIGN_IN})
    is_page = request.method == "GET" and request.url.path != HOME
    return RedirectResponse(f"{SIGN_IN}?next={quote(request.url.path)}" if is_page else SIGN_IN, status_code=303)


def _refuse(request: Request, error: ZhikuError) -> Response:
    """Return the page the form stands on with the error said there; an error page if there is none to go back to."""
    language = read_language(request)
    text = language.error(error.code, str(error))
    if CSRF_HEADER in request.headers:
        return Response(text, error.status, media_type="text/plain")
    came_from = urlsplit(request.headers.get("referer", ""))
    is_ours = came_from.netloc == request.headers.get("host") and came_from.path.startswith("/console/")
    if request.method != "POST" or not is_ours:
        return render_error(request, error)
    path = came_from.path + (f"?{came_from.query}" if came_from.query else "")
    return go_with_notice(request, path, text, is_error=True)


def _check_csrf(request: Request, session: ConsoleSession, sent: str) -> None:
    sent = request.headers.get(CSRF_HEADER, sent)
    if not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
        raise Forbidden(read_language(request).text("session.stale"))


def _respond(request: Request, language: Language, template: str, code: int, values: dict[str, Any]) -> Response:
    notice = request.cookies.get(NOTICE_COOKIE)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    html = (
        _environment()
        .get_template(template)
        .render(
            t=language.text,
            language=language,
            languages=LANGUAGES,
            theme=theme if theme in THEMES else "auto",
            here=request.url.path,
            notice=_read_notice(notice),
            asset=asset_url,
            **values,
        )
    )
    response = Response(html, code, media_type="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    if notice is not None:
        response.delete_cookie(NOTICE_COOKIE, path="/console")
    return response


def _read_notice(kept: str | None) -> dict[str, Any] | None:
    try:
        notice: object = json.loads(unquote(kept or "null"))
    except ValueError:
        return None
    return cast("dict[str, Any]", notice) if isinstance(notice, dict) and "text" in notice else None


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("zhiku.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


ASSET_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@cache
def read_asset(name: str) -> tuple[bytes, str, str]:
    """Return a file's content, its type and the mark of its version. Raises NotFound."""
    kind = ASSET_TYPES.get(f".{name.rpartition('.')[2]}")
    asset = files("zhiku.console").joinpath("static", name)
    if kind is None or "/" in name or not asset.is_file():
        raise NotFound
    content = asset.read_bytes()
    return content, kind, hashlib.sha256(content).hexdigest()[:12]


def asset_url(name: str) -> str:
    """Return the address of a file, which changes when the file does."""
    return f"/console/static/{name}?v={read_asset(name)[2]}"
