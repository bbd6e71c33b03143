"""Keys from the command line: made with rights, listed readably, revoked (contract 2.1, 13)."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from tests.unit.http.serving import make_runtime
from zhiku.access import service
from zhiku.access.actor import Actor
from zhiku.bootstrap import make_runtime as make_real_runtime
from zhiku.cli.main import app
from zhiku.datasets.schemas import CreateDataset
from zhiku.datasets.service import create_dataset
from zhiku.db.engine import Database
from zhiku.runtime import Runtime, Wakeups
from zhiku.settings import Settings

MEMBER = "2fdaf7d3-0d0e-4b1c-9d3a-6f8f5d2a1b3c"


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path) -> Path:
    """A data folder with a catalog in it."""
    (tmp_path / "catalog.sqlite3").write_bytes(sqlite_template.read_bytes())
    return tmp_path


@pytest.fixture
def rt(folder: Path) -> Runtime:
    """What a server has that runs on the same folder."""
    return make_runtime(folder, Database(f"sqlite:///{folder / 'catalog.sqlite3'}"))


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of `zhiku keys ...`."""
    done = CliRunner().invoke(app, ["keys", *arguments, "--data-dir", str(folder)])
    return done.exit_code, done.stdout, done.stderr


def made(folder: Path, rt: Runtime, *arguments: str) -> tuple[Actor, dict[str, Any]]:
    """Return whom a new key belongs to, and what the list says of it."""
    code, output, _ = run(folder, "create", *arguments)
    key, rest = output.splitlines()
    assert (code, rest.removeprefix("id ").endswith("; shown this once")) == (0, True)
    actor = service.find_actor(rt, key)
    assert actor is not None
    assert rest.split()[1] == f"{actor.key_id};"
    listed = json.loads(run(folder, "list", "--json")[1])
    assert key not in json.dumps(listed)
    return actor, next(each for each in listed if each["id"] == actor.key_id)


@pytest.fixture
def dataset_id(folder: Path) -> str:
    settings = Settings(data_dir=folder)
    rt = make_real_runtime(settings, Wakeups(_nothing, _nothing, lambda _dataset, _sequence: True), index=None)
    owner = service.ensure_workspace(rt)
    dataset = create_dataset(rt, Actor(owner.owner_id, owner.owner_name, ""), CreateDataset(name="Guide")).dataset
    rt.db.close()
    return dataset.id


def _nothing() -> None: ...


def test_a_lost_key_is_replaced_by_one_that_may_do_everything(folder: Path, rt: Runtime) -> None:
    actor, listed = made(folder, rt, "new key of the owner")
    assert actor.can_administer
    assert (actor.id, actor.name) == (service.ensure_workspace(rt).owner_id, "admin")
    assert (listed["name"], listed["expires_at"], listed["dataset_ids"]) == ("new key of the owner", None, None)


def test_a_key_has_the_rights_that_the_options_say(folder: Path, rt: Runtime, dataset_id: str) -> None:
    options = ["--role", "read", "--dataset", dataset_id, "--dataset", dataset_id.upper(), "--expires-in", "2h"]
    actor, listed = made(folder, rt, "partner", *options, "--member", "Ada")
    assert (actor.role, actor.is_scoped, actor.is_member, actor.name) == ("read", True, True, "Ada")
    assert listed["dataset_ids"] == [dataset_id]
    assert 7190 <= listed["expires_at"] - listed["created_at"] <= 7210


def test_two_keys_can_be_one_member_s(folder: Path, rt: Runtime) -> None:
    assert [made(folder, rt, name, "--member", MEMBER.upper())[0].id for name in ("one", "two")] == [MEMBER, MEMBER]
    assert UUID(made(folder, rt, "three", "--member", "Bo")[0].id) != UUID(MEMBER)


@pytest.mark.parametrize("wrong", [["name", "--dataset", MEMBER], [" "], ["x" * 256], ["name", "--member", ""]])
def test_a_key_that_cannot_be_made_says_why_and_exits_with_1(folder: Path, rt: Runtime, wrong: list[str]) -> None:
    code, output, errors = run(folder, "create", *wrong)
    assert (code, output) == (1, "")
    assert errors.split(":")[0] in ("dataset_ids", "name", "actor_name")
    assert service.list_keys(rt)[1] == 0


@pytest.mark.parametrize("wrong", ["soon", "0d", "-1d", "1.5h", "30", "d", "1y", "100000d", "１d"])
def test_a_time_that_is_none_exits_with_2(folder: Path, wrong: str) -> None:
    code, _, errors = run(folder, "create", "name", "--expires-in", wrong)
    assert code == 2
    assert "--expires-in" in errors


def test_a_role_that_is_none_exits_with_2(folder: Path) -> None:
    assert run(folder, "create", "name", "--role", "owner")[0] == 2


def test_the_list_is_a_table_with_the_newest_last(folder: Path, rt: Runtime, dataset_id: str) -> None:
    made(folder, rt, "first of all")
    made(folder, rt, "张三的钥匙", "--member", "张三", "--role", "read", "--dataset", dataset_id)
    heading, first, second = run(folder, "list")[1].splitlines()
    columns = {name: heading.index(name) for name in heading.split()}
    assert first[columns["NAME"] :] == "first of all"
    assert second[columns["NAME"] :] == "张三的钥匙 (张三)"
    shown = [
        [line[columns[name] :].split()[0] for name in ("STATUS", "ROLE", "DATASETS", "HOLDER")]
        for line in (first, second)
    ]
    assert shown == [["active", "admin", "all", "owner"], ["active", "read", "1", "member"]]


def test_a_revoked_key_is_refused_and_the_list_says_so(folder: Path, rt: Runtime) -> None:
    key = run(folder, "create", "name")[1].split()[0]
    actor = service.find_actor(rt, key)
    assert actor is not None
    assert run(folder, "revoke", actor.key_id)[:2] == (0, "revoked\n")
    assert service.find_actor(rt, key) is None
    assert "revoked" in run(folder, "list")[1]
    assert run(folder, "revoke", actor.key_id) == (1, "", "Key not found.\n")
