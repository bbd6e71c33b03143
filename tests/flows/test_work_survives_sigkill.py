"""Everything is killed while a document is paused, and while a dataset is cut anew: both stand where they were."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.embedding_server import EmbeddingServer
from tests.server_process import ServerProcess
from zhiku.db.engine import Database
from zhiku.db.tables import jobs, outbox

LINES = [f"line {number} speaks of thing{number}" for number in range(1500)]
SECONDS = 120.0
DOCUMENTS = 45

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def provider() -> Iterator[EmbeddingServer]:
    """A model that can be made slow."""
    with EmbeddingServer(dimension=32) as provider:
        yield provider


@pytest.fixture
def server(tmp_path: Path, provider: EmbeddingServer) -> Iterator[ServerProcess]:
    """A server that serves it."""
    server = ServerProcess(tmp_path / "data", ZHIKU_EMBEDDINGS_URL=provider.url, ZHIKU_EMBEDDINGS_MODEL="test-model")
    server.start()
    server.wait_healthy()
    yield server
    server.kill()


def rule(separator: str) -> dict[str, Any]:
    return {"mode": "custom", "rules": {"segmentation": {"separator": separator, "max_tokens": 100}}}


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def kill_and_start(server: ServerProcess) -> None:
    server.kill()
    server.start()
    server.wait_healthy()


def create_dataset(client: httpx.Client) -> str:
    return client.post("/datasets", json={"name": "guide", "indexing_technique": "high_quality"}).json()["id"]


def add(client: httpx.Client, dataset_id: str, name: str, text: str) -> str:
    body = {"name": name, "text": text, "process_rule": rule("\n")}
    reply = client.post(f"/datasets/{dataset_id}/document/create-by-text", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()["document"]["id"]


def status_of(client: httpx.Client, dataset_id: str, document_id: str) -> str:
    return client.get(f"/datasets/{dataset_id}/documents/{document_id}").json()["display_status"]


def check_nothing_left(data_dir: Path) -> None:
    db = Database(f"sqlite:///{data_dir / 'catalog.sqlite3'}")
    with db.read() as conn:
        assert conn.execute(select(jobs.c.kind, jobs.c.state, jobs.c.error)).all() == []
        assert conn.execute(select(outbox.c.sequence)).all() == []
    db.close()


def test_a_paused_document_stays_paused_and_goes_on_behind_its_checkpoint(
    server: ServerProcess, provider: EmbeddingServer
) -> None:
    provider.delay_seconds = 0.1
    with server.client() as client:
        dataset_id = create_dataset(client)
        long = add(client, dataset_id, "long", "\n".join(LINES))
        wait_until(lambda: len(provider.calls) >= 3, "no embedding")
        paused = client.post(f"/datasets/{dataset_id}/documents/{long}/pause")
        assert paused.json()["document"]["display_status"] == "paused", paused.text
    kill_and_start(server)
    with server.client() as client:
        calls = len(provider.calls)
        # Whoever comes after is worked, and the paused one is not.
        short = add(client, dataset_id, "short", "another one")
        wait_until(lambda: status_of(client, dataset_id, short) == "available", "the other document is stuck")
        assert status_of(client, dataset_id, long) == "paused"
        later = [text for call in provider.calls[calls:] for text in call.texts]
        assert [text for text in later if text.startswith("line ")] == []
        provider.delay_seconds = 0.0
        assert client.post(f"/datasets/{dataset_id}/documents/{long}/resume").status_code == 200
        wait_until(lambda: status_of(client, dataset_id, long) == "available", "not resumed")
    sent = [text for call in provider.calls for text in call.texts if text.startswith("line ")]
    assert set(sent) == set(LINES)
    # Only the batch that was under way when it was paused is embedded twice.
    assert len(sent) - len(LINES) <= max(len(call.texts) for call in provider.calls)
    assert server.stop() == 0
    check_nothing_left(server.data_dir)


def test_a_dataset_is_cut_anew_to_the_end_however_often_everything_is_killed(
    server: ServerProcess, provider: EmbeddingServer
) -> None:
    with server.client() as client:
        dataset_id = create_dataset(client)
        ids = [
            add(client, dataset_id, f"guide {number}", f"one of {number}\ntwo of {number}\n\nthree of {number}")
            for number in range(DOCUMENTS)
        ]
        path = f"/datasets/{dataset_id}/documents"
        wait_until(lambda: client.get(path, params={"status": "available"}).json()["total"] == DOCUMENTS, "not indexed")
        provider.delay_seconds = 0.1
        started = client.post(f"{path}/recut", json={"process_rule": rule("\n\n")})
        assert started.json()["total"] == DOCUMENTS, started.text

    def progress(done: int) -> bool:
        return int(client.get(f"{path}/recut").json()["done"]) >= done

    for done in (1, 15, 30):
        with server.client() as client:
            wait_until(lambda done=done: progress(done), f"never came to {done}")
            if done == 1:
                assert len(client.get(f"{path}/{ids[-1]}/segments").json()["data"]) == 3
        kill_and_start(server)
    provider.delay_seconds = 0.0
    with server.client() as client:
        wait_until(lambda: client.get(f"{path}/recut").json()["status"] == "completed", "never completed")
        found = client.get(f"{path}/recut").json()
        assert (found["total"], found["done"], found["failed"], found["skipped"]) == (DOCUMENTS, DOCUMENTS, 0, 0)
        for number, document_id in enumerate(ids):
            segments = client.get(f"{path}/{document_id}/segments").json()["data"]
            assert [segment["content"] for segment in segments] == [
                f"one of {number}\ntwo of {number}", f"three of {number}"
            ]  # fmt: skip
    assert server.stop() == 0
    check_nothing_left(server.data_dir)
