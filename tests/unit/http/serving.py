"""A small runtime and a client in this process, for tests of what every request meets."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from sqlalchemy import create_engine
from starlette.applications import Starlette

from zhiku.access.service import create_key, ensure_workspace
from zhiku.db.engine import Database
from zhiku.db.key_uses import KeyUses
from zhiku.db.tables import metadata
from zhiku.http import routes as server_routes
from zhiku.http.router import Router
from zhiku.runtime import Runtime, Wakeups
from zhiku.server import ReadinessCheck, create_app
from zhiku.settings import Settings


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def make_runtime(folder: Path, database: Database | None = None, **settings: Any) -> Runtime:
    """Return a runtime with a catalog, a new one in the folder if none is given, and nothing else that works."""
    made = Settings(data_dir=folder, **settings)
    if database is None:
        folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(made.database)
        metadata.create_all(engine)
        engine.dispose()
        database = Database(made.database)
    parts: dict[str, Any] = {part.name: None for part in fields(Runtime)}
    clock = HandClock()
    parts.update(
        settings=made,
        clock=clock,
        db=database,
        key_uses=KeyUses(database),
        wakeups=Wakeups(_nothing, _nothing, lambda _dataset_id, _sequence: True),
    )
    return Runtime(**parts)


def _nothing() -> None: ...


class Client:
    """Sends requests to an app in this process and returns httpx responses."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._runner = asyncio.Runner()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://zhiku.test")

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """Return the reply to one request; `options` are httpx's."""
        return self._runner.run(self._http.request(method, url, **options))


def make_app(rt: Runtime, *routers: Router, checks: Sequence[ReadinessCheck] = ()) -> Starlette:
    """Return the application with the server's own routes and these, and none of the resources'."""
    return create_app(rt, checks, (server_routes.router, *routers))


def make_key(rt: Runtime) -> dict[str, str]:
    """Return the header with a new key's bearer."""
    ensure_workspace(rt)
    return {"Authorization": f"Bearer {create_key(rt, 'test')[1]}"}


@contextmanager
def served(folder: Path, *routers: Router, **settings: Any) -> Generator[tuple[Client, dict[str, str]]]:
    """Yield a client of an app with these routers, and the header with a key for it."""
    rt = make_runtime(folder, **settings)
    with Client(make_app(rt, *routers)) as client:
        yield client, make_key(rt)
    rt.db.close()
