"""Killed with SIGKILL at any point during concurrent uploads: nothing acknowledged is lost or doubled."""

import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from tests.embedding_server import EmbeddingServer
from tests.server_process import ServerProcess
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.db.tables import documents, jobs, outbox, segments
from zhiku.indexes.edge import EdgeIndex
from zhiku.segments.indexing import shard_of

ROUNDS = int(os.environ.get("ZHIKU_KILL_ROUNDS", "10"))
UPLOADS = 200
CLIENTS = 16
SETTLE_SECONDS = 90.0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_acknowledged_upload_survives_sigkill_exactly_once(tmp_path: Path) -> None:
    seed = int(os.environ.get("ZHIKU_KILL_SEED", random.randrange(10**6)))
    sys.stdout.write(f"ZHIKU_KILL_SEED={seed}\n")
    chance = random.Random(seed)
    acknowledged: dict[str, str] = {}
    with EmbeddingServer() as provider:
        server = ServerProcess(
            tmp_path / "data", ZHIKU_EMBEDDINGS_URL=provider.url, ZHIKU_EMBEDDINGS_MODEL="test-model"
        )
        try:
            dataset_id = _create_dataset(server)
            for number in range(ROUNDS):
                acknowledged |= _upload_and_kill(server, dataset_id, number, chance)
                _restart(server, chance)
                _check_answers(server, dataset_id, acknowledged, f"seed {seed}, round {number}")
            assert server.stop() == 0
        finally:
            server.kill()
    _check_agreement(tmp_path / "data", dataset_id)


def _create_dataset(server: ServerProcess) -> str:
    server.start()
    server.wait_healthy()
    with server.client() as client:
        reply = client.post("/datasets", json={"name": "kill", "indexing_technique": "high_quality"})
    return reply.json()["id"]


def _upload_and_kill(server: ServerProcess, dataset_id: str, number: int, chance: random.Random) -> dict[str, str]:
    """Upload from many clients and kill the group on the way; return word -> document name of what was accepted."""
    accepted: dict[str, str] = {}
    is_over = threading.Event()
    path = f"/datasets/{dataset_id}/document"
    as_file = {upload for upload in range(UPLOADS) if chance.random() < 0.1}

    def upload(which: int) -> None:
        if is_over.is_set():
            return
        name, word = f"document {number}-{which}.txt", f"word{number}x{which}"
        text = f"{word} is in this one.\n\nAnd a second paragraph for {word}."
        try:
            if which in as_file:
                data = {"data": '{"process_rule": {"mode": "automatic"}}'}
                reply = client.post(f"{path}/create-by-file", data=data, files={"file": (name, text.encode())})
            else:
                reply = client.post(f"{path}/create-by-text", json={"name": name, "text": text})
        except httpx.TransportError:
            return
        if reply.status_code == 200:
            accepted[word] = name

    # From before the first upload is done to after the last one, when only indexing is left to be cut off.
    moment = chance.uniform(0.0, 4.0)
    with server.client() as client, ThreadPoolExecutor(CLIENTS) as pool:
        started_at = time.monotonic()
        for which in range(UPLOADS):
            pool.submit(upload, which)
        time.sleep(max(0.0, moment - (time.monotonic() - started_at)))
        server.kill()
        is_over.set()
    return accepted


def _restart(server: ServerProcess, chance: random.Random) -> None:
    """Start again; now and then kill the recovery itself first."""
    if chance.random() < 0.3:
        server.start()
        time.sleep(chance.uniform(0.2, 2.5))
        server.kill()
    server.start()
    server.wait_healthy()


def _check_answers(server: ServerProcess, dataset_id: str, acknowledged: dict[str, str], where: str) -> None:
    with server.client() as client:
        statuses = _wait_settled(client, dataset_id, where)
        names = Counter(name for name, _ in statuses)
        assert set(statuses) == {(name, "completed") for name in names}, where
        for name in acknowledged.values():
            assert names[name] == 1, f"{where}: {name} is there {names[name]} times"
        for word, name in random.Random(0).sample(sorted(acknowledged.items()), min(50, len(acknowledged))):
            body = {"query": word, "retrieval_model": {"search_method": "full_text_search", "top_k": 5}}
            records = client.post(f"/datasets/{dataset_id}/retrieve", json=body).json()["records"]
            found = [record["segment"]["document"]["name"] for record in records]
            assert found[:1] == [name], f"{where}: {word} is found in {found}"


def _wait_settled(client: httpx.Client, dataset_id: str, where: str) -> list[tuple[str, str]]:
    """Return (name, status) of all documents once none is being worked on."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        statuses: list[tuple[str, str]] = []
        page = 1
        while True:
            reply = client.get(f"/datasets/{dataset_id}/documents", params={"page": page, "limit": 100}).json()
            statuses += [(row["name"], row["indexing_status"]) for row in reply["data"]]
            if not reply["has_more"]:
                break
            page += 1
        waiting = [row for row in statuses if row[1] not in ("completed", "error")]
        if not waiting:
            return statuses
        assert time.monotonic() < deadline, f"{where}: still not done: {waiting[:5]} ({len(waiting)})"
        time.sleep(0.2)


def _check_agreement(data_dir: Path, dataset_id: str) -> None:
    """The index holds exactly the live segments, and nothing is left to do."""
    db = Database(f"sqlite:///{data_dir / 'catalog.sqlite3'}")
    index = EdgeIndex(data_dir / "index")
    with db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        assert dataset is not None
        live = select(segments.c.number).join(
            documents,
            (documents.c.number == segments.c.document_number) & (documents.c.live_generation == segments.c.generation),
        )
        expected = sorted(conn.execute(live).scalars())
        everything = sorted(conn.execute(select(segments.c.number)).scalars())
        assert expected == everything
        assert conn.execute(select(outbox.c.sequence)).all() == []
        assert conn.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all() == []
        assert dataset.posting_count == len(expected)
    assert index.list_numbers(shard_of(dataset)) == expected
    index.close()
    db.close()
