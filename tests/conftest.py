"""Fixtures that every suite shares: a clock, catalogs on SQLite and on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import groups
from tests.fake_clock import FakeClock
from tests.postgres import PostgresCluster, PostgresMissing
from zhiku.db.engine import Database
from zhiku.db.migrations import migrate
from zhiku.db.tables import metadata


@pytest.fixture
def clock() -> FakeClock:
    """Time that stands still until the test advances it."""
    return FakeClock()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: 100 times faster than migrating for each test."""
    path = tmp_path_factory.mktemp("template") / "catalog.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """An empty, migrated catalog in a file of its own."""
    path = tmp_path / "catalog.sqlite3"
    shutil.copyfile(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_start() -> Iterator[PostgresCluster | str]:
    """The run's PostgreSQL, or why there is none."""
    try:
        cluster = PostgresCluster()
    except PostgresMissing as error:
        yield str(error)
        return
    yield cluster
    cluster.stop()


@pytest.fixture
def postgres_cluster(postgres_start: PostgresCluster | str) -> PostgresCluster:
    """The run's PostgreSQL; leaves the test out where there is none."""
    if isinstance(postgres_start, str):
        groups.leave_out("PostgreSQL tests", postgres_start)
    return postgres_start


@pytest.fixture(scope="session")
def postgres_urls() -> dict[str, str]:
    """The URL of the run's migrated database, once there is one."""
    return {}


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster, postgres_urls: dict[str, str]) -> Iterator[Database]:
    """An empty, migrated catalog: one for the run, emptied before each test."""
    if "shared" not in postgres_urls:
        postgres_urls["shared"] = postgres_cluster.create_database()
        database = Database(postgres_urls["shared"])
        migrate(database)
    else:
        postgres_cluster.disconnect_all(postgres_urls["shared"])
        database = Database(postgres_urls["shared"])
        empty_tables(database)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty, migrated catalog on each of the two engines in turn."""
    return request.getfixturevalue("sqlite_database" if request.param == "sqlite" else "postgres_database")


def empty_tables(database: Database) -> None:
    """Delete every row."""
    with database.begin() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(table.delete())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line per group what this machine could not run."""
    for group, reason in groups.left_out.items():
        terminalreporter.write_line(f"left out: {group} ({reason})")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that had to be complete and was not."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if groups.must_run_all() and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("ZHIKU_TEST_ALL=1 allows no skipped test")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
