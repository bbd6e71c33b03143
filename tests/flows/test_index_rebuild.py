"""The index is derived: lost, damaged or rebuilt while in use, the answers stay the same."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

SECONDS = 60.0
LINES = "\n".join(f"line {number} speaks of topic{number % 50} and of thing{number}" for number in range(3000))
RULE = {"mode": "custom", "rules": {"segmentation": {"separator": "\n", "max_tokens": 100}}}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A running server with nothing in it."""
    server = ServerProcess(tmp_path / "data")
    server.start()
    server.wait_healthy()
    yield server
    server.kill()


def add(client: httpx.Client, dataset_id: str, name: str, text: str) -> None:
    body = {"name": name, "text": text, "process_rule": RULE}
    reply = client.post(f"/datasets/{dataset_id}/document/create-by-text", json=body)
    assert reply.status_code == 200, reply.text


def wait_completed(client: httpx.Client, dataset_id: str) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        rows = client.get(f"/datasets/{dataset_id}/documents").json()["data"]
        if all(row["indexing_status"] == "completed" for row in rows):
            return
        assert time.monotonic() < deadline, rows
        time.sleep(0.1)


def ask(client: httpx.Client, dataset_id: str, query: str) -> list[tuple[str, float]]:
    body = {"query": query, "retrieval_model": {"search_method": "full_text_search", "top_k": 10}}
    reply = client.post(f"/datasets/{dataset_id}/retrieve", json=body)
    assert reply.status_code == 200, reply.text
    records: list[dict[str, Any]] = reply.json()["records"]
    return [(record["segment"]["content"], round(record["score"], 3)) for record in records]


def wait_ready(server: ServerProcess) -> None:
    deadline = time.monotonic() + SECONDS
    while httpx.get(f"{server.url}/readyz").status_code != 200:
        assert time.monotonic() < deadline, "never ready"
        time.sleep(0.1)


def make_dataset(client: httpx.Client) -> str:
    reply = client.post("/datasets", json={"name": "lines", "indexing_technique": "economy"})
    dataset_id = reply.json()["id"]
    add(client, dataset_id, "lines", LINES)
    wait_completed(client, dataset_id)
    return dataset_id


@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_an_index_that_was_lost_or_damaged_is_rebuilt_at_start_and_answers_the_same(
    server: ServerProcess, damage: str
) -> None:
    with server.client() as client:
        dataset_id = make_dataset(client)
        before = ask(client, dataset_id, "topic7")
    assert len(before) == 10
    assert server.stop() == 0

    index = server.data_dir / "index"
    if damage == "deleted":
        shutil.rmtree(index)
    else:
        for path in index.rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    server.start()
    server.wait_healthy()
    wait_ready(server)

    with server.client() as client:
        assert ask(client, dataset_id, "topic7") == before
        add(client, dataset_id, "more", "latecomer is here")
        wait_completed(client, dataset_id)
        assert [content for content, _ in ask(client, dataset_id, "latecomer")] == ["latecomer is here"]


def test_a_rebuild_loses_no_answer_and_no_change_made_meanwhile(server: ServerProcess) -> None:
    with server.client() as client:
        dataset_id = make_dataset(client)
        before = set(ask(client, dataset_id, "topic7"))
        failures: list[str] = []
        is_over = threading.Event()

        def keep_asking() -> None:
            with server.client() as other:
                while not is_over.is_set():
                    if not ask(other, dataset_id, "topic7"):
                        failures.append("no answer")

        asker = threading.Thread(target=keep_asking)
        asker.start()
        command = [sys.executable, "-m", "zhiku", "index", "rebuild", "--data-dir", str(server.data_dir)]
        rebuild = subprocess.Popen(command, stdout=subprocess.PIPE)
        for number in range(10):
            add(client, dataset_id, f"new {number}", f"newcomer{number} is here")
        doomed = client.get(f"/datasets/{dataset_id}/documents", params={"keyword": "new 3"}).json()["data"][0]
        wait_completed(client, dataset_id)
        client.delete(f"/datasets/{dataset_id}/documents/{doomed['id']}")
        assert rebuild.wait(SECONDS) == 0
        is_over.set()
        asker.join()

        assert failures == []
        assert {content for content, _ in ask(client, dataset_id, "topic7")} == {content for content, _ in before}
        for number in range(10):
            found = [content for content, _ in ask(client, dataset_id, f"newcomer{number}")]
            assert found == ([] if number == 3 else [f"newcomer{number} is here"])
    assert b"generation 2" in rebuild.communicate()[0]
