"""One Zhiku answers from the dataset of another one that it mounted."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import KEY, ServerProcess

WAIT_SECONDS = 60.0


@pytest.fixture
def far(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "far")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def near(tmp_path: Path) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path / "near", ZHIKU_OUTBOUND_HOSTS="127.0.0.1")
    server.start()
    yield server
    server.kill()


def call(server: ServerProcess, method: str, path: str, body: Any = None) -> Any:
    reply = httpx.request(
        method, f"{server.url}/v1{path}", json=body, headers={"Authorization": f"Bearer {KEY}"}, timeout=30
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


def fill(server: ServerProcess) -> str:
    """Return the id of a dataset with one completed document."""
    dataset_id = call(server, "POST", "/datasets", {"name": "Birds", "indexing_technique": "economy"})["id"]
    text = {"name": "owls.md", "text": "Owls hunt at night.", "process_rule": {"mode": "automatic"}}
    batch = call(server, "POST", f"/datasets/{dataset_id}/document/create-by-text", text)["batch"]
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        (progress,) = call(server, "GET", f"/datasets/{dataset_id}/documents/{batch}/indexing-status")["data"]
        if progress["indexing_status"] == "completed":
            return dataset_id
        time.sleep(0.1)
    raise AssertionError("the document is not completed in time")


@pytest.mark.slow
def test_one_zhiku_mounts_another(far: ServerProcess, near: ServerProcess) -> None:
    far.wait_healthy()
    near.wait_healthy()
    far_id = fill(far)
    settings = {"endpoint": far.url, "api_key": KEY}
    connection = call(near, "POST", "/datasets/external-knowledge-api", {"name": "Far", "settings": settings})
    ids = {"external_knowledge_api_id": connection["id"], "external_knowledge_id": far_id}
    near_id = call(near, "POST", "/datasets", {"name": "Mounted", "provider": "external", **ids})["id"]

    (record,) = call(near, "POST", f"/datasets/{near_id}/retrieve", {"query": "when do owls hunt?"})["records"]

    assert record["segment"]["content"] == "Owls hunt at night."
    assert record["title"] == "owls.md"
    assert record["metadata"]["dataset_id"] == far_id
    assert 0 < record["score"] <= 1

    # The key and what it opens outlive a restart.
    assert near.stop() == 0
    near.start()
    near.wait_healthy()
    assert call(near, "POST", f"/datasets/{near_id}/retrieve", {"query": "owls"})["records"]
