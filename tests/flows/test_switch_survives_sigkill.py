"""A dataset is switched to high_quality while its worker and its server are killed: old answers, then new ones."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import select

from tests.embedding_server import EmbeddingServer
from tests.server_process import ServerProcess
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.db.tables import index_switches, jobs, outbox
from zhiku.indexes.edge import EdgeIndex
from zhiku.segments.indexing import shard_of

LINES = [f"line {number} speaks of topic{number % 50} and of thing{number}" for number in range(3000)]
RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}
# In no text: keywords find nothing, vectors always something.
UNKNOWN_WORD = "zeppelin"
SECONDS = 120.0


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def ask(client: httpx.Client, dataset_id: str, query: str) -> list[str]:
    body = {"query": query, "retrieval_model": {"search_method": "semantic_search", "top_k": 3}}
    reply = client.post(f"/datasets/{dataset_id}/retrieve", json=body)
    assert reply.status_code == 200, reply.text
    return [record["segment"]["content"] for record in reply.json()["records"]]


def rows(client: httpx.Client, dataset_id: str) -> list[dict[str, Any]]:
    return client.get(f"/datasets/{dataset_id}/documents").json()["data"]


def kill_worker(server: ServerProcess) -> bool:
    """Kill the server's worker, if there is one now."""
    assert server.process is not None
    for child in psutil.Process(server.process.pid).children():
        if "worker" in child.cmdline():
            os.kill(child.pid, signal.SIGKILL)
            return True
    return False


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_switch_goes_on_after_sigkill_and_the_former_index_answers_until_it_is_done(tmp_path: Path) -> None:
    with EmbeddingServer(dimension=32) as provider:
        server = ServerProcess(
            tmp_path / "data", ZHIKU_EMBEDDINGS_URL=provider.url, ZHIKU_EMBEDDINGS_MODEL="test-model"
        )
        try:
            dataset_id = run_switch(server, provider)
            assert server.stop() == 0
        finally:
            server.kill()
        sent = [text for call in provider.calls for text in call.texts if text.startswith("line ")]
    # What a killed batch had embedded is embedded once more, and nothing else.
    assert set(sent) == set(LINES)
    assert len(sent) < 1.5 * len(LINES)
    check_catalog(tmp_path / "data", dataset_id)


def run_switch(server: ServerProcess, provider: EmbeddingServer) -> str:
    server.start()
    server.wait_healthy()
    with server.client() as client:
        reply = client.post("/datasets", json={"name": "lines", "indexing_technique": "economy"})
        dataset_id = reply.json()["id"]
        body = {"name": "lines", "text": "\n".join(LINES), "process_rule": RULE}
        assert client.post(f"/datasets/{dataset_id}/document/create-by-text", json=body).status_code == 200
        wait_until(lambda: rows(client, dataset_id)[0]["indexing_status"] == "completed", "not indexed")
        before = ask(client, dataset_id, "thing77")
        assert before[0] == LINES[77]

        provider.delay_seconds = 0.15
        body = {"indexing_technique": "high_quality"}
        changed = client.patch(f"/datasets/{dataset_id}", json=body).json()
        assert (changed["indexing_technique"], changed["embedding_model"]) == ("high_quality", "test-model")
        for round_number in range(3):
            calls = len(provider.calls)
            wait_until(lambda calls=calls: len(provider.calls) >= calls + 3, f"no embedding in round {round_number}")
            assert kill_worker(server)
            assert ask(client, dataset_id, UNKNOWN_WORD) == []
            assert ask(client, dataset_id, "thing77") == before
    calls = len(provider.calls)
    wait_until(lambda: len(provider.calls) >= calls + 3, "no embedding before the server was killed")
    server.kill()
    server.start()
    server.wait_healthy()
    with server.client() as client:
        assert ask(client, dataset_id, UNKNOWN_WORD) == []
        assert ask(client, dataset_id, "thing77") == before
        provider.delay_seconds = 0.0
        wait_until(lambda: ask(client, dataset_id, UNKNOWN_WORD) != [], "never switched")
        assert ask(client, dataset_id, LINES[77])[0] == LINES[77]
        assert [row["indexing_status"] for row in rows(client, dataset_id)] == ["completed"]
    return dataset_id


def check_catalog(data_dir: Path, dataset_id: str) -> None:
    """Nothing is left to do, and the index holds every line with a vector."""
    db = Database(f"sqlite:///{data_dir / 'catalog.sqlite3'}")
    index = EdgeIndex(data_dir / "index")
    with db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        assert dataset is not None
        assert conn.execute(select(index_switches.c.id)).all() == []
        assert conn.execute(select(outbox.c.sequence)).all() == []
        assert conn.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all() == []
    assert (dataset.index_dimension, dataset.posting_count) == (32, len(LINES))
    assert index.state(shard_of(dataset)).postings == len(LINES)
    index.close()
    db.close()
