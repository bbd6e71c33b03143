"""API keys from the command line: a lost key is replaced here."""

import re
import time
from collections.abc import Sequence
from typing import NoReturn
from uuid import UUID

import msgspec
import typer

from zhiku.access import service
from zhiku.access.actor import Role
from zhiku.access.service import KeyHolder, KeyRights, KeyView
from zhiku.cli.catalog import open_catalog
from zhiku.errors import ZhikuError
from zhiku.keys.schemas import key_body
from zhiku.settings import Settings

SECONDS = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
MAX_KEYS = 10_000
HEADINGS = ("ID", "MADE", "USED", "EXPIRES", "STATUS", "ROLE", "DATASETS", "HOLDER", "NAME")


def create(settings: Settings, name: str, rights: KeyRights, holder: KeyHolder) -> None:
    """Print a new key; exit with 1 if one of its datasets does not exist."""
    with open_catalog(settings) as rt:
        try:
            view, key = service.create_key(rt, name, rights, holder)
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


def read_rights(role: Role, dataset_ids: Sequence[str] | None, expires_in: str | None) -> KeyRights:
    """Return the rights that the options of a new key ask for. Raises BadParameter."""
    return KeyRights(role, dataset_ids or None, None if expires_in is None else time.time() + read_duration(expires_in))


def read_holder(member: str | None) -> KeyHolder:
    """Return whose key it is: the owner's, or that of a member given by name or, for a known one, by id."""
    if member is None:
        return KeyHolder()
    try:
        return KeyHolder(is_member=True, id=str(UUID(member)))
    except ValueError:
        return KeyHolder(is_member=True, name=member)


def read_duration(text: str) -> int:
    """Return the seconds of a time such as `30d`, `12h` or `2w`. Raises BadParameter."""
    found = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text, re.ASCII)
    if found is None:
        raise typer.BadParameter("must be a number and m, h, d or w, such as 30d", param_hint="--expires-in")
    return int(found[1]) * SECONDS[found[2]]


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
