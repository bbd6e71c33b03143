"""Keys that were made before keys had rights go on opening everything."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tests.postgres import PostgresCluster
from tests.unit.http.serving import make_runtime
from zhiku.access import service
from zhiku.db import migrations
from zhiku.db.engine import Database
from zhiku.db.migrations import migrate

KEY = "dataset-of-an-earlier-version"


@pytest.fixture(params=["sqlite", "postgresql"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A catalog of the first schema with a key in it, on each of the two engines in turn."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    else:
        cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
        database = Database(cluster.create_database())
    with database.begin() as tx:
        config = Config(attributes={"connection": tx})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.upgrade(config, "0001")
        tx.execute(
            text("""
                INSERT INTO api_keys (id, name, key_hash, actor_id, actor_name, created_at)
                VALUES ('one', 'first key', :key_hash, 'owner', 'admin', 1)
            """),
            {"key_hash": service.hash_key(KEY)},
        )
    yield database
    database.close()
    if request.param == "postgresql":
        request.getfixturevalue("postgres_cluster").drop_database(database.url)


def test_a_key_of_an_earlier_version_is_an_admin_key_to_everything_for_ever(tmp_path: Path, earlier: Database) -> None:
    migrate(earlier)

    rt = make_runtime(tmp_path, earlier)
    actor = service.find_actor(rt, KEY)

    assert actor is not None
    assert actor.can_administer
    assert actor.rate_limit_per_minute is None
    view = service.get_key(rt, "one")
    assert (view.state, view.dataset_ids, view.key.expires_at) == ("active", None, None)
