"""API keys from the command line: a lost key is replaced here."""

import time

import typer

from zhiku.access import service
from zhiku.cli.catalog import open_catalog
from zhiku.errors import NotFound
from zhiku.settings import Settings


def create(settings: Settings, name: str) -> None:
    """Print a new key."""
    with open_catalog(settings) as rt:
        row, key = service.create_key(rt, name)
    typer.echo(f"{key}\nid {row.id}; shown this once")


def show_all(settings: Settings) -> None:
    """Print every key's id, name and state."""
    with open_catalog(settings) as rt:
        rows = service.list_keys(rt)
    for row in rows:
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at))
        typer.echo(f"{row.id}  {made}  {'revoked' if row.revoked_at else 'valid':8}  {row.name}")


def revoke(settings: Settings, key_id: str) -> None:
    """Refuse a key from now on, running servers included; exit with 1 if there is none of this id."""
    with open_catalog(settings) as rt:
        try:
            service.revoke_key(rt, key_id)
        except NotFound as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
    typer.echo("revoked")
