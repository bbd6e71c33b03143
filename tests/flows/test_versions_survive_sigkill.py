"""Everything is killed while a document is updated and restored: each content becomes a version once, none is lost."""

import os
import random
import sys
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from tests.server_process import ServerProcess
from zhiku.db.engine import Database
from zhiku.db.tables import document_versions, documents, jobs, outbox, segments, uploads

ROUNDS = 8
LINES = 1200
SECONDS = 120.0
RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


def content(turn: int) -> list[str]:
    """Return what the document holds in a turn: half of it is that of the turn before."""
    return [f"line {line} of turn {turn if line % 2 else turn // 2}" for line in range(LINES)]


def wait_completed(client: httpx.Client, path: str) -> None:
    deadline = time.monotonic() + SECONDS
    while (state := client.get(path).json())["indexing_status"] != "completed":
        assert state["indexing_status"] != "error", state["error"]
        assert time.monotonic() < deadline, state["indexing_status"]
        time.sleep(0.05)


def read_all(client: httpx.Client, path: str) -> list[str]:
    found: list[str] = []
    page, is_more = 1, True
    while is_more:
        body = client.get(path, params={"page": page, "limit": 100}).json()
        found += [row["content"] for row in body["data"]]
        page, is_more = page + 1, body["has_more"]
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_versions_are_kept_once_each_and_restored_wholly_whenever_everything_is_killed(tmp_path: Path) -> None:
    seed = int(os.environ.get("ZHIKU_KILL_SEED", random.randrange(10**6)))
    sys.stdout.write(f"ZHIKU_KILL_SEED={seed}\n")
    chance = random.Random(seed)
    server = ServerProcess(tmp_path / "data")
    try:
        answered = run_turns(server, chance)
        assert server.stop() == 0
    finally:
        server.kill()
    check_catalog(tmp_path / "data", len(answered))


def run_turns(server: ServerProcess, chance: random.Random) -> list[list[str]]:
    """Return the contents that have answered one after the other; everything is killed in each turn."""
    server.start()
    server.wait_healthy()
    with server.client() as client:
        dataset_id = client.post("/datasets", json={"name": "guide", "indexing_technique": "economy"}).json()["id"]
        body = {"name": "guide", "text": "\n".join(content(0)), "process_rule": RULE}
        made = client.post(f"/datasets/{dataset_id}/document/create-by-text", json=body).json()["document"]
        path = f"/datasets/{dataset_id}/documents/{made['id']}"
        wait_completed(client, path)
    answered = [content(0)]
    for turn in range(1, ROUNDS):
        with server.client() as client:
            answered.append(replace_content(client, path, turn, answered, chance))
        time.sleep(chance.uniform(0, 1.5))
        server.kill()
        server.start()
        server.wait_healthy()
        with server.client() as client:
            wait_completed(client, path)
            check_contents(client, path, answered)
    return answered


def replace_content(
    client: httpx.Client, path: str, turn: int, answered: list[list[str]], chance: random.Random
) -> list[str]:
    """Update the document or restore one of its versions; return what it is to answer with."""
    if turn % 3:
        reply = client.post(f"{path}/update-by-text", json={"text": "\n".join(content(turn))})
        assert reply.status_code == 200, reply.text
        return content(turn)
    number = chance.randint(1, len(answered) - 1)
    reply = client.post(f"{path}/versions/{number}/restore")
    assert reply.status_code == 200, reply.text
    return answered[number - 1]


def check_contents(client: httpx.Client, path: str, answered: list[list[str]]) -> None:
    listed = client.get(f"{path}/versions", params={"limit": 100}).json()["data"]
    assert [row["version"] for row in listed] == list(range(len(answered) - 1, 0, -1))
    assert read_all(client, f"{path}/segments") == answered[-1]
    assert read_all(client, f"{path}/versions/{len(answered) - 1}") == answered[-2]


def check_catalog(data_dir: Path, contents: int) -> None:
    db = Database(f"sqlite:///{data_dir / 'catalog.sqlite3'}")
    with db.read() as conn:
        assert conn.execute(select(documents.c.version)).scalar_one() == contents
        kept = conn.execute(select(document_versions.c.upload_id, document_versions.c.replaced_at)).all()
        assert len(kept) == contents - 1 and all(row.replaced_at for row in kept)
        used = {row.upload_id for row in kept} | set(conn.execute(select(documents.c.upload_id)).scalars())
        assert set(conn.execute(select(uploads.c.id)).scalars()) == used
        assert len(set(conn.execute(select(segments.c.generation)).scalars())) == 1
        assert conn.execute(select(jobs.c.kind, jobs.c.error)).all() == []
        assert conn.execute(select(outbox.c.sequence)).all() == []
    db.close()
