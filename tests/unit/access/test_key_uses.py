"""Uses of keys are written together, and none is lost because the catalog is away for a moment."""

import sqlite3
from pathlib import Path

import pytest

from tests.contract.calls import counted_statements
from tests.unit.http.serving import make_runtime
from zhiku.access import service
from zhiku.db.engine import Database
from zhiku.runtime import Runtime


def used_at(rt: Runtime, key_id: str) -> float | None:
    return service.get_key(rt, key_id).key.last_used_at


@pytest.fixture
def rt(tmp_path: Path, database: Database) -> Runtime:
    return make_runtime(tmp_path, database)


def test_many_uses_are_one_write(rt: Runtime) -> None:
    made = [service.create_key(rt, str(number)) for number in range(3)]
    with counted_statements() as seen:
        for _ in range(10):
            assert all(service.find_actor(rt, key) for _, key in made)
        before = len([statement for statement in seen if "UPDATE" in statement])
        rt.key_uses.flush()
        rt.key_uses.flush()
    assert before == 0
    assert len([statement for statement in seen if "UPDATE" in statement]) == 1
    assert {used_at(rt, view.key.id) for view, _ in made} == {rt.clock.now()}


def test_an_earlier_use_does_not_hide_a_later_one(rt: Runtime) -> None:
    key_id = service.create_key(rt, "one")[0].key.id
    for moment in (200.0, 100.0):
        rt.key_uses.note(key_id, moment)
        rt.key_uses.flush()
    assert used_at(rt, key_id) == 200.0


def test_a_use_that_cannot_be_written_is_written_later(tmp_path: Path, sqlite_database: Database) -> None:
    url = sqlite_database.url
    impatient = Database(url, wait_seconds=0.01)
    rt = make_runtime(tmp_path, impatient)
    key_id = service.create_key(rt, "one")[0].key.id
    rt.key_uses.note(key_id, 100.0)
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    rt.key_uses.flush()
    assert used_at(rt, key_id) is None
    rt.key_uses.note("a key that was noted meanwhile", 100.0)
    other.execute("ROLLBACK")
    other.close()
    assert used_at(rt, key_id) == 100.0
    impatient.close()
