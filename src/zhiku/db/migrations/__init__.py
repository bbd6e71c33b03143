"""Brings a catalog to the schema of this program, forward only."""

from pathlib import Path

from sqlalchemy import inspect, text

from zhiku.db.engine import Connection, Database
from zhiku.db.tables import metadata

HEAD = "0002"
"""The newest revision; a test compares it with Alembic's own answer."""

# Any number that nothing else locks: servers that start together migrate one after the other.
_POSTGRES_LOCK = 7_213_450_001

_GET_REVISION = text("""
    SELECT version_num
    FROM alembic_version
""")

# As Alembic makes it.
_MAKE_REVISION = text("""
    CREATE TABLE alembic_version (
        version_num VARCHAR(32) NOT NULL,
        CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
    )
""")

_SET_REVISION = text("""
    INSERT INTO alembic_version (version_num)
    VALUES (:revision)
""")


class CatalogTooNew(Exception):
    """The catalog was written by a newer Zhiku than this one; the message says what to do."""


def migrate(database: Database) -> None:
    """Bring the catalog to `HEAD`, all steps or none: a migration that is cut off leaves the catalog as it was.

    A catalog that is at `HEAD` costs two statements. Raises CatalogTooNew, StorageFull and Unavailable.
    """
    with database.read() as conn:
        if _find_revision(conn) == HEAD:
            return
    with database.begin() as tx:
        if database.dialect == "postgresql":
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRES_LOCK})
        revision = _find_revision(tx)
        if revision is not None and int(revision) > int(HEAD):
            raise CatalogTooNew(
                f"The catalog has schema {revision}, made by a newer Zhiku; this one knows schemas up to {HEAD}. "
                "Start the newer Zhiku, or restore the backup made before it was installed."
            )
        if revision is None and not inspect(tx).get_table_names():
            _create(tx)
        elif revision != HEAD:
            upgrade(tx)


def _find_revision(conn: Connection) -> str | None:
    """Return the catalog's revision; None for an empty one."""
    if not inspect(conn).has_table("alembic_version"):
        return None
    return conn.execute(_GET_REVISION).scalar_one_or_none()


def _create(tx: Connection) -> None:
    """Make a new catalog as the tables say, which a test compares with what the migrations make."""
    metadata.create_all(tx)
    tx.execute(_MAKE_REVISION)
    tx.execute(_SET_REVISION, {"revision": HEAD})


def upgrade(tx: Connection) -> None:
    """Run every migration that the catalog lacks, in the caller's transaction."""
    # Alembic takes .15 s to import, so only a start that has something to migrate pays for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": tx})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, "head")
