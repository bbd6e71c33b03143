"""API keys from the command line: a lost key is replaced here."""

import re
import time
from collections.abc import Sequence
from typing import Any, NoReturn
from uuid import UUID

import msgspec
import typer

from zhiku.access import service
from zhiku.access.service import KeyView
from zhiku.cli.catalog import open_catalog
from zhiku.errors import ZhikuError
from zhiku.http.schema import parse
from zhiku.keys.schemas import CreateKey, key_body
from zhiku.settings import Settings

SECONDS = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
MAX_KEYS = 10_000
HEADINGS = ("ID", "MADE", "USED", "EXPIRES", "STATUS", "ROLE", "DATASETS", "HOLDER", "NAME")


def create(settings: Settings, wanted: dict[str, Any]) -> None:
    """Print a new key, wanted as in a body of the API; exit with 1 if it cannot be made so."""
    try:
        body = parse(CreateKey, wanted)
        with open_catalog(settings) as rt:
            view, key = service.create_key(rt, body.name, body.rights(), body.holder())
    except ZhikuError as error:
        _fail(error)
    typer.echo(f"{key}\nid {view.key.id}; shown this once")


def show_all(settings: Settings, *, is_json: bool) -> None:
    """Print every key, oldest first, as a table or as a JSON list of what the API says of them."""
    with open_catalog(settings) as rt:
        views = service.list_keys(rt, 0, MAX_KEYS)[0][::-1]
    if is_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([key_body(view) for view in views])).decode())
    else:
        for line in table([HEADINGS, *(_row(view) for view in views)]):
            typer.echo(line)


def revoke(settings: Settings, key_id: str) -> None:
    """Refuse a key from now on, running servers included; exit with 1 if there is none of this id."""
    with open_catalog(settings) as rt:
        try:
            service.revoke_key(rt, key_id)
        except ZhikuError as error:
            _fail(error)
    typer.echo("revoked")


def read_member(member: str | None) -> dict[str, Any]:
    """Return the fields that say whose key it is: the owner's, or a member's given by name or, if known, by id."""
    if member is None:
        return {}
    try:
        return {"is_member": True, "actor_id": str(UUID(member))}
    except ValueError:
        return {"is_member": True, "actor_name": member}


def read_end(expires_in: str | None) -> dict[str, int]:
    """Return the field that says when a key ends that is given `30d`, `12h` or `2w` from now. Raises BadParameter."""
    if expires_in is None:
        return {}
    found = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", expires_in, re.ASCII)
    if found is None:
        raise typer.BadParameter("must be a number and m, h, d or w, such as 30d", param_hint="--expires-in")
    return {"expires_at": int(time.time()) + int(found[1]) * SECONDS[found[2]]}


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines in which the columns stand below each other; the last column may hold any script."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _row(view: KeyView) -> tuple[str, ...]:
    key = view.key
    return (
        key.id,
        _moment(key.created_at),
        _moment(key.last_used_at),
        _moment(key.expires_at),
        view.state,
        key.role,
        "all" if view.dataset_ids is None else str(len(view.dataset_ids)),
        "member" if key.is_member else "owner",
        f"{key.name} ({key.actor_name})" if key.is_member else key.name,
    )


def _moment(at: float | None) -> str:
    return "never" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _fail(error: ZhikuError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1) from error
