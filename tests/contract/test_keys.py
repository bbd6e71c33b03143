"""API keys: made once, stored hashed, refused at once when revoked."""

import sqlite3
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.unit.http import stand_ins
from tests.unit.http.serving import Client, make_app, make_key, make_runtime
from zhiku.access import service
from zhiku.db.engine import Database
from zhiku.errors import NotFound


def test_the_first_start_makes_one_workspace_and_one_key(tmp_path: Path, database: Database) -> None:
    rt = make_runtime(tmp_path, database)
    owner = service.ensure_workspace(rt)
    key = service.ensure_first_key(rt)
    assert key is not None
    assert key.startswith("dataset-")
    assert len(key) >= len("dataset-") + 24
    assert service.ensure_first_key(rt) is None
    assert service.ensure_workspace(rt) == owner
    actor = service.find_actor(rt, key)
    assert actor is not None
    assert (actor.id, actor.name) == (owner.owner_id, "admin")


def test_a_key_is_nowhere_in_the_data_dir(tmp_path: Path) -> None:
    rt = make_runtime(tmp_path, api_key=SecretStr("dataset-of-the-operator"))
    made = service.create_key(rt, "second")[1]
    service.ensure_first_key(rt)
    rt.db.close()
    for file in tmp_path.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert made.encode() not in content
        assert b"dataset-of-the-operator" not in content


def test_a_revoked_key_is_refused_from_the_next_request_on(tmp_path: Path, database: Database) -> None:
    rt = make_runtime(tmp_path, database)
    view, key = service.create_key(rt, "one")
    assert service.find_actor(rt, key) is not None
    service.revoke_key(rt, view.key.id)
    assert service.find_actor(rt, key) is None
    listed, total = service.list_keys(rt)
    assert ([one.state for one in listed], total) == (["revoked"], 1)
    with pytest.raises(NotFound):
        service.revoke_key(rt, view.key.id)


def test_a_key_revoked_by_another_process_is_refused(tmp_path: Path) -> None:
    rt = make_runtime(tmp_path)
    view, key = service.create_key(rt, "one")
    assert service.find_actor(rt, key) is not None
    other = sqlite3.connect(tmp_path / "catalog.sqlite3")
    other.execute("UPDATE api_keys SET revoked_at = 1 WHERE id = ?", (view.key.id,))
    other.commit()
    other.close()
    assert service.find_actor(rt, key) is None


def test_the_key_of_the_setting_is_accepted_and_replaces_its_predecessor(tmp_path: Path, database: Database) -> None:
    first = make_runtime(tmp_path, database, api_key=SecretStr("any opaque string"))
    assert service.ensure_first_key(first) is None
    assert service.ensure_first_key(first) is None
    assert service.find_actor(first, "any opaque string") is not None
    own = service.create_key(first, "own")[1]
    second = make_runtime(tmp_path, database, api_key=SecretStr("another"))
    service.ensure_first_key(second)
    assert service.find_actor(second, "another") is not None
    assert service.find_actor(second, "any opaque string") is None
    assert service.find_actor(second, own) is not None
    third = make_runtime(tmp_path, database)
    assert service.ensure_first_key(third) is None
    assert service.find_actor(third, "another") is not None
    service.ensure_first_key(first)
    assert service.find_actor(third, "any opaque string") is not None


@pytest.mark.parametrize("key", ["", "x", "dataset-", "'; DROP TABLE api_keys; --", "知库", "\udcff"])
def test_an_unknown_key_belongs_to_nobody(tmp_path: Path, key: str) -> None:
    assert service.find_actor(make_runtime(tmp_path), key) is None


def test_a_request_is_let_in_by_its_key_on_either_engine(tmp_path: Path, database: Database) -> None:
    rt = make_runtime(tmp_path, database)
    key = make_key(rt)
    with Client(make_app(rt, stand_ins.router)) as client:
        assert client.request("GET", "/datasets", headers=key).status_code == 200
        assert client.request("GET", "/datasets", headers={"Authorization": "Bearer other"}).status_code == 401
        assert client.request("GET", "/readyz").status_code == 200
