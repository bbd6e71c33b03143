"""What reads and write transactions promise, on both engines."""

import sqlite3
import stat
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from zhiku.db.engine import Connection, Database, raise_translated
from zhiku.db.tables import embeddings, process_rules
from zhiku.errors import StorageFull, Unavailable


def test_a_transaction_that_succeeds_is_kept(database: Database) -> None:
    with database.begin() as tx:
        insert(tx, "a")
    assert count(database) == 1


def test_a_transaction_that_raises_changes_nothing(database: Database) -> None:
    with pytest.raises(KeyError), database.begin() as tx:
        insert(tx, "a")
        raise KeyError
    assert count(database) == 0
    with database.begin() as tx:
        insert(tx, "a")
    assert count(database) == 1


def test_a_broken_rule_is_told_as_it_is_and_leaves_the_connection_usable(database: Database) -> None:
    with database.begin() as tx:
        insert(tx, "a")
    with pytest.raises(IntegrityError), database.begin() as tx:
        insert(tx, "a")
    with database.begin() as tx:
        insert(tx, "b")
    assert count(database) == 2


def test_foreign_keys_are_kept(database: Database) -> None:
    orphan = process_rules.insert().values(id="i", dataset_id="none", mode="", rules_json="", created_at=0.0)
    with pytest.raises(IntegrityError), database.begin() as tx:
        tx.execute(orphan)


def test_all_statements_of_a_read_see_one_moment(database: Database) -> None:
    with database.read() as conn:
        before = conn.execute(select(func.count()).select_from(embeddings)).scalar_one()
        with database.begin() as tx:
            insert(tx, "a")
        assert conn.execute(select(func.count()).select_from(embeddings)).scalar_one() == before
    assert count(database) == 1


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable), database.read() as conn:
        insert(conn, "a")
    assert count(database) == 0


def test_reads_inside_each_other_have_connections_of_their_own(database: Database) -> None:
    with database.read() as one, database.read() as two:
        assert one is not two
        assert one.execute(select(1)).scalar_one() == two.execute(select(1)).scalar_one()


def test_a_failed_statement_does_not_spoil_the_next_read(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as conn:
        conn.execute(text("SELECT nothing FROM nowhere"))
    assert count(database) == 0


def test_threads_that_write_wait_for_each_other(database: Database) -> None:
    def add_one() -> None:
        for _ in range(20):
            with database.begin() as tx:
                tx.execute(text("UPDATE embeddings SET content_hash = content_hash || 'x'"))

    with database.begin() as tx:
        insert(tx, "")
    threads = [threading.Thread(target=add_one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with database.read() as conn:
        assert conn.execute(select(embeddings.c.content_hash)).scalar_one() == "x" * 60


def test_a_write_waits_for_another_process(sqlite_database: Database) -> None:
    other = sqlite3.connect(sqlite_database.url.removeprefix("sqlite:///"), check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    begun = threading.Event()
    done: list[bool] = []

    def write() -> None:
        begun.set()
        with sqlite_database.begin() as tx:
            done.append(other.in_transaction)
            insert(tx, "a")

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait(60)
    other.commit()
    thread.join(60)
    other.close()
    assert (done, count(sqlite_database)) == ([False], 1)


def test_a_write_that_waits_too_long_for_another_process_is_refused(sqlite_database: Database) -> None:
    impatient = Database(sqlite_database.url, wait_seconds=0.05)
    with sqlite_database.begin() as tx:
        insert(tx, "a")
        with pytest.raises(Unavailable), impatient.begin():
            pass
    with impatient.begin() as tx:
        insert(tx, "b")
    impatient.close()
    assert count(sqlite_database) == 2


def test_a_write_that_waits_too_long_for_another_thread_is_refused(sqlite_database: Database) -> None:
    impatient = Database(sqlite_database.url, wait_seconds=0.05)
    refused: list[bool] = []

    def write() -> None:
        with pytest.raises(Unavailable), impatient.begin():
            pass
        refused.append(True)

    with impatient.begin():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(60)
    impatient.close()
    assert refused == [True]


def test_a_catalog_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}")
    for open_connection in (database.read, database.begin):
        with pytest.raises(Unavailable):
            open_connection().__enter__()
    database.close()


def test_a_transaction_inside_a_transaction_is_refused_instead_of_waited_for(sqlite_database: Database) -> None:
    with sqlite_database.begin(), pytest.raises(RuntimeError, match="pass the connection on"):
        sqlite_database.begin().__enter__()
    with sqlite_database.begin() as tx:
        insert(tx, "a")
    assert count(sqlite_database) == 1


def test_no_space_left_is_told_and_changes_nothing(sqlite_database: Database) -> None:
    with sqlite_database.begin() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar_one()
        tx.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageFull), sqlite_database.begin() as tx:
        insert(tx, "small")
        tx.execute(embeddings.insert().values(model_key="m", content_hash="big", vector=bytes(1_000_000)))
    assert count(sqlite_database) == 0
    with sqlite_database.begin() as tx:
        insert(tx, "small")


def test_the_catalogs_folder_is_made_and_closed_to_others(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/catalog.sqlite3")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    with database.read() as conn:
        assert conn.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    database.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Cannot make the folder"):
        Database(f"sqlite:///{tmp_path}/file/catalog.sqlite3")


def test_a_catalog_that_is_not_a_file_is_refused() -> None:
    with pytest.raises(Unavailable, match="needs a file"):
        Database("sqlite://")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path, scheme: str) -> None:
    database = Database(f"{scheme}://user@/name?host={tmp_path}")
    assert database.dialect == "postgresql"
    for open_connection in (database.read, database.begin):
        with pytest.raises(Unavailable):
            open_connection().__enter__()
    database.close()


def test_a_connection_that_the_server_ended_costs_one_failure(postgres_database: Database) -> None:
    with pytest.raises(Unavailable), postgres_database.begin() as tx:
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with postgres_database.begin() as tx:
        insert(tx, "a")
    assert count(postgres_database) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.DiskFull(), StorageFull),
        (psycopg.errors.TooManyConnections(), Unavailable),
        (psycopg.errors.AdminShutdown(), Unavailable),
        (psycopg.errors.DeadlockDetected(), Unavailable),
        (psycopg.errors.SyntaxError(), DBAPIError),
        (psycopg.errors.UniqueViolation(), DBAPIError),
    ],
)
def test_what_postgresql_says_is_translated_once(error: psycopg.Error, expected: type[Exception]) -> None:
    wrapped = DBAPIError("SELECT 1", None, error)
    with pytest.raises(expected) as caught:
        raise_translated(wrapped)
    assert type(caught.value) is expected


def insert(tx: Connection, content_hash: str) -> None:
    tx.execute(embeddings.insert().values(model_key="m", content_hash=content_hash, vector=b""))


def count(database: Database) -> int:
    with database.read() as conn:
        return conn.execute(select(func.count()).select_from(embeddings)).scalar_one()


def test_an_error_never_quotes_the_values_of_its_statement(sqlite_database: Database) -> None:
    secret = "the text of a document"
    with pytest.raises(Exception, match="tags") as failure, sqlite_database.begin() as tx:
        tx.execute(text("INSERT INTO tags (id, name) VALUES (:id, :name)"), {"id": secret, "name": None})
    assert secret not in str(failure.value)
