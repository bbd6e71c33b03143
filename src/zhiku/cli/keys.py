"""API keys from the command line: a lost key is replaced here."""

import time
from collections.abc import Generator
from contextlib import contextmanager

import typer

from zhiku.access import service
from zhiku.bootstrap import make_runtime
from zhiku.db.migrations import migrate
from zhiku.errors import NotFound
from zhiku.runtime import Runtime, Wakeups
from zhiku.settings import Settings


def create(settings: Settings, name: str) -> None:
    """Print a new key."""
    with _catalog(settings) as rt:
        row, key = service.create_key(rt, name)
    typer.echo(f"{key}\nid {row.id}; shown this once")


def show_all(settings: Settings) -> None:
    """Print every key's id, name and state."""
    with _catalog(settings) as rt:
        rows = service.list_keys(rt)
    for row in rows:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at))
        typer.echo(f"{row.id}  {made}  {'revoked' if row.revoked_at else 'valid':8}  {row.name}")


def revoke(settings: Settings, key_id: str) -> None:
    """Refuse a key from now on, running servers included; exit with 1 if there is none of this id."""
    with _catalog(settings) as rt:
        try:
            service.revoke_key(rt, key_id)
        except NotFound as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo("revoked")


@contextmanager
def _catalog(settings: Settings) -> Generator[Runtime]:
    rt = make_runtime(settings, Wakeups(jobs=_ignore, outbox=_ignore), index=None)
    try:
        migrate(rt.db)
        yield rt
    finally:
        rt.db.close()


def _ignore() -> None:
    """Nobody waits for this process's hints."""
