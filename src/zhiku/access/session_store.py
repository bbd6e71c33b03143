"""SQL of the table `console_sessions`, and of the console's password in `workspace`."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from zhiku.db.tables import console_sessions, workspace


@dataclass(frozen=True, slots=True)
class ConsoleSession:
    """A row of `console_sessions`; `csrf_token` is what its forms carry."""

    token_hash: str
    csrf_token: str
    created_at: float
    expires_at: float


_GET_PASSWORD_HASH = select(workspace.c.console_password_hash)
_SET_PASSWORD_HASH = update(workspace).values(console_password_hash=bindparam("new_hash"))
_FIND_SESSION = select(
    console_sessions.c.token_hash,
    console_sessions.c.csrf_token,
    console_sessions.c.created_at,
    console_sessions.c.expires_at,
).where(console_sessions.c.token_hash == bindparam("wanted_hash"), console_sessions.c.expires_at > bindparam("now"))
_INSERT_SESSION = insert(console_sessions)
_DELETE_SESSION = delete(console_sessions).where(console_sessions.c.token_hash == bindparam("wanted_hash"))
_DELETE_EXPIRED = delete(console_sessions).where(console_sessions.c.expires_at <= bindparam("now"))
_DELETE_SESSIONS = delete(console_sessions)


def find_password_hash(conn: Connection) -> str | None:
    """Return the hash of the console's password, None before there is one."""
    return conn.execute(_GET_PASSWORD_HASH).scalar_one_or_none()


def set_password_hash(conn: Connection, password_hash: str) -> None:
    """Replace the console's password."""
    conn.execute(_SET_PASSWORD_HASH, {"new_hash": password_hash})


def find_session(conn: Connection, token_hash: str, now: float) -> ConsoleSession | None:
    """Return the session of a cookie, None if it is unknown or over."""
    row = conn.execute(_FIND_SESSION, {"wanted_hash": token_hash, "now": now}).fetchone()
    return None if row is None else ConsoleSession(*row)


def insert_session(conn: Connection, session: ConsoleSession) -> None:
    """Insert a session."""
    conn.execute(
        _INSERT_SESSION,
        {
            "token_hash": session.token_hash,
            "csrf_token": session.csrf_token,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
        },
    )


def delete_session(conn: Connection, token_hash: str) -> None:
    """Delete one session."""
    conn.execute(_DELETE_SESSION, {"wanted_hash": token_hash})


def delete_expired_sessions(conn: Connection, now: float) -> None:
    """Delete the sessions that are over."""
    conn.execute(_DELETE_EXPIRED, {"now": now})


def delete_sessions(conn: Connection) -> None:
    """Delete every session."""
    conn.execute(_DELETE_SESSIONS)
