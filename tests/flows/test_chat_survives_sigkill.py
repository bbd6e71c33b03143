"""Worker and server are killed while a chat model writes: nothing is lost, and at most a batch is paid for twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import select

from tests.chat_server import Asked, ChatServer
from tests.embedding_server import EmbeddingServer
from tests.server_process import ServerProcess
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.db.tables import jobs, outbox
from zhiku.indexes.edge import EdgeIndex
from zhiku.indexes.store import count_live_postings
from zhiku.segments.indexing import shard_of

LINES = [f"line {number} speaks of topic{number}" for number in range(60)]
RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}
BATCH = 4
KILLS = 3
SECONDS = 120.0


def write(asked: Asked) -> str:
    """Return a pair about a piece where pairs are asked for, else a summary."""
    number = asked.text.split()[1]
    return f"Q1: What is line{number}?\nA1: {asked.text}" if "Q1" in asked.instructions else f"gist{number}"


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def kill_worker(server: ServerProcess) -> None:
    """Kill the server's worker, which must be there."""
    assert server.process is not None
    workers = [child for child in psutil.Process(server.process.pid).children() if "worker" in child.cmdline()]
    assert workers
    os.kill(workers[0].pid, signal.SIGKILL)


def make_document(client: httpx.Client, name: str, doc_form: str, **fields: Any) -> str:
    """Return the path of a new document in a dataset of its own."""
    reply = client.post("/datasets", json={"name": name, "indexing_technique": "high_quality", **fields})
    assert reply.status_code == 200, reply.text
    dataset_id = reply.json()["id"]
    body = {"name": name, "text": "\n".join(LINES), "process_rule": RULE, "doc_form": doc_form}
    made = client.post(f"/datasets/{dataset_id}/document/create-by-text", json=body)
    assert made.status_code == 200, made.text
    return f"/datasets/{dataset_id}/documents/{made.json()['document']['id']}"


def is_done(client: httpx.Client, path: str) -> bool:
    shown = client.get(path).json()
    assert shown["indexing_status"] != "error", shown
    return shown["indexing_status"] == "completed" and shown["summary_index_status"] is None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["qa_model", "text_model"])
def test_what_a_chat_model_wrote_is_kept_over_sigkill(tmp_path: Path, form: str) -> None:
    with EmbeddingServer(dimension=32) as embedder, ChatServer(write=write, delay_seconds=0.15) as chat:
        server = ServerProcess(
            tmp_path / "data",
            ZHIKU_EMBEDDINGS_URL=embedder.url,
            ZHIKU_EMBEDDINGS_MODEL="test-model",
            ZHIKU_CHAT_URL=chat.url,
            ZHIKU_CHAT_MODEL="writer",
            ZHIKU_CHAT_CONCURRENCY=str(BATCH),
        )
        try:
            path = run_to_the_end(server, chat, form)
            assert server.stop() == 0
        finally:
            server.kill()
        times = Counter(chat.texts)
    assert set(times) == set(LINES)
    # A batch that a kill met is asked again, and nothing else.
    assert sum(times.values()) <= len(LINES) + (KILLS + 1) * BATCH
    check_catalog(tmp_path / "data", path.split("/")[2], len(LINES) * (1 if form == "qa_model" else 2))


def run_to_the_end(server: ServerProcess, chat: ChatServer, form: str) -> str:
    server.start()
    server.wait_healthy()
    with server.client() as client:
        path = make_document(client, "lines", form, summary_index_setting={"enable": True})
        for round_number in range(KILLS):
            calls = len(chat.asked)
            wait_until(
                lambda calls=calls: len(chat.asked) >= calls + 2 * BATCH, f"nothing asked in round {round_number}"
            )
            kill_worker(server)
    calls = len(chat.asked)
    wait_until(lambda: len(chat.asked) >= calls + BATCH, "nothing asked before the server was killed")
    server.kill()
    server.start()
    server.wait_healthy()
    with server.client() as client:
        wait_until(lambda: is_done(client, path), "never done")
        check_segments(client, path, form)
    return path


def check_segments(client: httpx.Client, path: str, form: str) -> None:
    rows = client.get(f"{path}/segments?limit=100").json()["data"]
    assert client.get(path).json()["warning"] is None
    if form == "qa_model":
        pairs = [(f"What is line{number}?", line) for number, line in enumerate(LINES)]
        assert [(row["content"], row["answer"]) for row in rows] == pairs
        return
    gists = [(line, f"gist{number}") for number, line in enumerate(LINES)]
    assert [(row["content"], row["summary"]) for row in rows] == gists
    body = {"query": "gist42", "retrieval_model": {"search_method": "full_text_search", "top_k": 1}}
    [record] = client.post(f"/datasets/{path.split('/')[2]}/retrieve", json=body).json()["records"]
    assert (record["segment"]["content"], record["summary"]) == (LINES[42], "gist42")


def check_catalog(data_dir: Path, dataset_id: str, postings: int) -> None:
    """Nothing is left to do, and the index holds what the catalog says."""
    db = Database(f"sqlite:///{data_dir / 'catalog.sqlite3'}")
    index = EdgeIndex(data_dir / "index")
    with db.read() as conn:
        dataset = dataset_store.find_dataset(conn, dataset_id)
        assert dataset is not None
        assert conn.execute(select(outbox.c.sequence)).all() == []
        assert conn.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all() == []
        assert dataset.posting_count == count_live_postings(conn, dataset_id) == postings
    assert index.state(shard_of(dataset)).postings == postings
    index.close()
    db.close()
