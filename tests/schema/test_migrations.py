"""An empty catalog and all migrations make what tables.py says, on both engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from tests.postgres import PostgresCluster
from zhiku.db import migrations
from zhiku.db.engine import Database
from zhiku.db.migrations import HEAD, CatalogTooNew, migrate, upgrade
from zhiku.db.tables import metadata

SQLITE_OBJECTS = text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL")

POSTGRES_OBJECTS = text("""
    SELECT 'column', table_name || '.' || column_name, concat_ws(
        ' ', data_type, character_maximum_length, is_nullable, column_default, is_identity
    )
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL
    SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    UNION ALL
    SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid <> COALESCE(to_regclass('alembic_version'), 0)
""")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """Two catalogs without any table on each engine."""
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path}/{name}.sqlite3" for name in ("one", "two")]
    else:
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        urls = [cluster.create_database() for _ in range(2)]
    pair = Database(urls[0]), Database(urls[1])
    yield pair
    for database in pair:
        database.close()
    if request.param == "postgresql":
        for url in urls:
            request.getfixturevalue("postgres_cluster").drop_database(url)


def test_migrations_end_at_the_tables_of_the_program(empty_pair: tuple[Database, Database]) -> None:
    migrated, created = empty_pair
    with migrated.begin() as tx:
        upgrade(tx)
    migrate(created)

    assert _read_objects(migrated) == _read_objects(created)


def test_alembic_finds_nothing_to_change_after_the_migrations(empty_pair: tuple[Database, Database]) -> None:
    with empty_pair[0].begin() as tx:
        upgrade(tx)
    with empty_pair[0].read() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = _read_objects(database)
    migrate(database)
    assert _read_objects(database) == before


def test_a_catalog_of_a_newer_program_is_refused(database: Database) -> None:
    with database.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(CatalogTooNew, match="schema 9999.*newer Zhiku.*up to " + HEAD):
            migrate(database)
    finally:
        with database.begin() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})


def test_a_migration_that_is_cut_off_leaves_nothing_and_runs_again(empty_pair: tuple[Database, Database]) -> None:
    database = empty_pair[0]
    # A table of the last name makes the migration fail when most of it is done.
    with database.begin() as tx:
        tx.execute(text("CREATE TABLE segments (number INTEGER)"))
    with pytest.raises(Exception, match="segments"):
        migrate(database)
    assert {name for _, name, _ in _read_objects(database) if name.startswith("ix_")} == set()
    with database.begin() as tx:
        tx.execute(text("DROP TABLE segments"))

    migrate(database)

    assert any(name == "ix_segments_dataset_id" for _, name, _ in _read_objects(database))


def _read_objects(database: Database) -> set[tuple[str, str, str]]:
    """Return type, name and definition of everything in the catalog, spaces and quotes made equal."""
    with database.read() as conn:
        rows = conn.execute(SQLITE_OBJECTS if database.dialect == "sqlite" else POSTGRES_OBJECTS).all()
        return {(kind, name, _normalise(definition)) for kind, name, definition in rows}


def _normalise(definition: str) -> str:
    """Return a definition in which only the order of a table's parts is lost: columns added later stand last."""
    head, bracket, body = " ".join(definition.replace('"', "").split()).partition("(")
    if not head.startswith("CREATE TABLE"):
        return head + bracket + body
    parts, depth = [""], 0
    for character in body.rpartition(")")[0]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return head + "\n".join(sorted(part.strip() for part in parts))
