"""SQL of the tables `workspace` and `api_keys`."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, text, update

from zhiku.db.engine import Database
from zhiku.db.hot import HotRead
from zhiku.db.tables import api_keys, workspace


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
    created_at: float
    revoked_at: float | None


# Which live key has this hash? Uses the unique index on key_hash.
FIND_KEY = HotRead(
    select(api_keys.c.id, api_keys.c.key_hash, api_keys.c.actor_id, api_keys.c.actor_name).where(
        api_keys.c.key_hash == bindparam("wanted_hash"), api_keys.c.revoked_at.is_(None)
    )
)


def find_live_key(db: Database, key_hash: str) -> tuple[str, str, str, str] | None:
    """Return (id, key_hash, actor_id, actor_name) of the key that is not revoked, or None."""
    rows = db.fetch(FIND_KEY, {"wanted_hash": key_hash})
    return (rows[0][0], rows[0][1], rows[0][2], rows[0][3]) if rows else None


def find_workspace(conn: Connection) -> Workspace | None:
    """Return the workspace, None before the first start."""
    row = conn.execute(
        select(
            workspace.c.id,
            workspace.c.owner_id,
            workspace.c.owner_name,
            workspace.c.is_sample_loaded,
            workspace.c.link_secret,
            workspace.c.created_at,
        )
    ).fetchone()
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
        {
            "id": row.id,
            "owner_id": row.owner_id,
            "owner_name": row.owner_name,
            "is_sample_loaded": row.is_sample_loaded,
            "link_secret": row.link_secret,
            "created_at": row.created_at,
        },
    )


def mark_sample_loaded(conn: Connection) -> None:
    """Remember that the bundled sample was loaded."""
    conn.execute(update(workspace).values(is_sample_loaded=True))


def insert_key(conn: Connection, key: ApiKey) -> None:
    """Insert a key."""
    conn.execute(
        api_keys.insert().values(
            id=key.id,
            name=key.name,
            key_hash=key.key_hash,
            actor_id=key.actor_id,
            actor_name=key.actor_name,
            created_at=key.created_at,
            revoked_at=key.revoked_at,
        )
    )


def list_keys(conn: Connection) -> list[ApiKey]:
    """Return all keys, revoked ones too, oldest first."""
    rows = conn.execute(
        select(
            api_keys.c.id,
            api_keys.c.name,
            api_keys.c.key_hash,
            api_keys.c.actor_id,
            api_keys.c.actor_name,
            api_keys.c.created_at,
            api_keys.c.revoked_at,
        ).order_by(api_keys.c.created_at, api_keys.c.id)
    )
    return [ApiKey(*row) for row in rows]


def mark_revoked(conn: Connection, key_id: str, at: float) -> bool:
    """Revoke a key; return False if there is none with this id that is live."""
    done = conn.execute(
        update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=at)
    )
    return done.rowcount > 0


def mark_name_revoked(conn: Connection, name: str, at: float) -> None:
    """Revoke the live keys of this name."""
    conn.execute(update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None)).values(revoked_at=at))


def mark_live(conn: Connection, key_id: str) -> None:
    """Take back a key's revocation."""
    conn.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=None))
