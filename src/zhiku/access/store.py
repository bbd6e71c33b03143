"""SQL of the tables `workspace`, `api_keys` and `key_datasets`, and of which datasets a key sees."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, or_, select, text, update

from zhiku.access.actor import Actor, Role
from zhiku.db.engine import Database
from zhiku.db.hot import HotRead
from zhiku.db.tables import api_keys, datasets, key_datasets, workspace


@dataclass(frozen=True, slots=True)
class Workspace:
    """The one workspace and its owner."""

    id: str
    owner_id: str
    owner_name: str
    is_sample_loaded: bool
    link_secret: str
    created_at: float


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A row of `api_keys`; the key itself is never stored."""

    id: str
    name: str
    key_hash: str
    actor_id: str
    actor_name: str
    role: Role
    is_member: bool
    is_scoped: bool
    rate_limit_per_minute: int | None
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


_KEY_COLUMNS = [api_keys.c[field.name] for field in fields(ApiKey)]

# Which live key has this hash? Uses the unique index on key_hash; the scope is looked at for scoped keys alone, and
# one whose last dataset was deleted is as good as revoked: without datasets it must not see all of them.
FIND_KEY = HotRead(
    select(
        api_keys.c.id,
        api_keys.c.actor_id,
        api_keys.c.actor_name,
        api_keys.c.role,
        api_keys.c.is_member,
        api_keys.c.is_scoped,
        api_keys.c.rate_limit_per_minute,
        api_keys.c.expires_at,
    ).where(
        api_keys.c.key_hash == bindparam("wanted_hash"),
        api_keys.c.revoked_at.is_(None),
        or_(
            ~api_keys.c.is_scoped,
            select(key_datasets.c.key_id).where(key_datasets.c.key_id == api_keys.c.id).correlate(api_keys).exists(),
        ),
    )
)


def find_live_key(db: Database, key_hash: str) -> Sequence[Any] | None:
    """Return the columns of FIND_KEY for the key that is not revoked and has something to see, or None."""
    rows = db.fetch(FIND_KEY, {"wanted_hash": key_hash})
    return rows[0] if rows else None


def find_workspace(conn: Connection) -> Workspace | None:
    """Return the workspace, None before the first start."""
    row = conn.execute(select(*[workspace.c[field.name] for field in fields(Workspace)])).fetchone()
    return None if row is None else Workspace(*row)


def insert_workspace(conn: Connection, row: Workspace) -> None:
    """Insert the workspace; nothing happens if one with this id is there."""
    conn.execute(
        text(
            """
            INSERT INTO workspace (id, owner_id, owner_name, is_sample_loaded, link_secret, created_at)
            VALUES (:id, :owner_id, :owner_name, :is_sample_loaded, :link_secret, :created_at)
            ON CONFLICT (id) DO NOTHING
            """
        ),
        _values(row),
    )


def mark_sample_loaded(conn: Connection) -> None:
    """Remember that the bundled sample was loaded."""
    conn.execute(update(workspace).values(is_sample_loaded=True))


def insert_key(conn: Connection, key: ApiKey) -> None:
    """Insert a key, without the datasets it sees."""
    conn.execute(insert(api_keys), _values(key))


def find_key(conn: Connection, key_id: str) -> ApiKey | None:
    """Return a key by id, a revoked one too, or None."""
    row = conn.execute(select(*_KEY_COLUMNS).where(api_keys.c.id == key_id)).first()
    return None if row is None else ApiKey(*row)


def find_key_by_hash(conn: Connection, key_hash: str) -> ApiKey | None:
    """Return the key of this hash, a revoked one too, or None."""
    row = conn.execute(select(*_KEY_COLUMNS).where(api_keys.c.key_hash == key_hash)).first()
    return None if row is None else ApiKey(*row)


def list_keys(conn: Connection, offset: int, limit: int) -> list[ApiKey]:
    """Return a page of keys, revoked ones too, newest first."""
    page = select(*_KEY_COLUMNS).order_by(api_keys.c.created_at.desc(), api_keys.c.id).offset(offset).limit(limit)
    return [ApiKey(*row) for row in conn.execute(page)]


def count_keys(conn: Connection) -> int:
    """Return how many keys there are, revoked ones too."""
    return conn.execute(select(func.count()).select_from(api_keys)).scalar_one()


def update_key(conn: Connection, key_id: str, values: dict[str, Any]) -> None:
    """Change columns of a key."""
    conn.execute(update(api_keys).where(api_keys.c.id == key_id).values(**values))


def mark_revoked(conn: Connection, key_id: str, at: float) -> bool:
    """Revoke a key; return False if there is none with this id that is live."""
    done = conn.execute(
        update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return done.rowcount > 0


def mark_name_revoked(conn: Connection, name: str, at: float) -> None:
    """Revoke the live keys of this name."""
    conn.execute(update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None)).values(revoked_at=at))


def hold_datasets(tx: Connection, dataset_ids: Sequence[str]) -> set[str]:
    """Return those of the datasets that exist, and keep them from being deleted until commit."""
    # SQLite has one writer at a time and no such lock; SQLAlchemy leaves the words out there.
    held = select(datasets.c.id).where(datasets.c.id.in_(dataset_ids)).order_by(datasets.c.id)
    return set(tx.execute(held.with_for_update(read=True, key_share=True)).scalars())


def insert_scope(tx: Connection, key_id: str, dataset_ids: Sequence[str]) -> None:
    """Let a scoped key see more datasets; they exist and it does not see them yet."""
    if dataset_ids:
        rows = [{"key_id": key_id, "dataset_id": dataset_id} for dataset_id in dataset_ids]
        tx.execute(insert(key_datasets), rows)


def delete_scope(tx: Connection, key_id: str) -> None:
    """Forget which datasets a key sees."""
    tx.execute(delete(key_datasets).where(key_datasets.c.key_id == key_id))


def list_scopes(conn: Connection, key_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids of the datasets that each of these keys is scoped to, sorted."""
    statement = (
        select(key_datasets.c.key_id, key_datasets.c.dataset_id)
        .where(key_datasets.c.key_id.in_(key_ids))
        .order_by(key_datasets.c.key_id, key_datasets.c.dataset_id)
    )
    found: dict[str, list[str]] = {key_id: [] for key_id in key_ids}
    for key_id, dataset_id in conn.execute(statement):
        found[key_id].append(dataset_id)
    return found


def visible_to(actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions on `datasets` that leave those an actor sees; none for the owner's key to everything.

    A member sees what all members may, what they made themselves, and what lists them (contract 2.1).
    """
    conditions: list[ColumnElement[bool]] = []
    if actor.is_scoped:
        conditions.append(in_scope_of(actor.key_id))
    if actor.is_member:
        # The list is JSON and an actor's id a UUID, so the quoted id is in the text only as an item of the list.
        is_listed = func.lower(datasets.c.partial_members_json).contains(f'"{actor.id}"')
        conditions.append(
            or_(
                datasets.c.permission == "all_team_members",
                datasets.c.created_by == actor.id,
                (datasets.c.permission == "partial_members") & is_listed,
            )
        )
    return conditions


def in_scope_of(key_id: Any) -> ColumnElement[bool]:
    """Return the condition on `datasets` that a scoped key sees the row; relies on the primary key of key_datasets."""
    return (
        select(key_datasets.c.dataset_id)
        .where(key_datasets.c.key_id == key_id, key_datasets.c.dataset_id == datasets.c.id)
        .correlate(datasets)
        .exists()
    )


def _values(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
