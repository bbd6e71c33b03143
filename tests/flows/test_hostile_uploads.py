"""Hostile files through a real server: each ends in its own message, and the server and everyone else go on."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.contract.test_create_by_zip import zip_of
from tests.server_process import ServerProcess
from tests.unit.ingestion.extract import hostile_files as hostile
from tests.unit.ingestion.extract.test_corpus import CORPUS

DATA = {"indexing_technique": "economy", "process_rule": {"mode": "automatic"}}
HOSTILE = {
    "bomb.docx": hostile.zip_bomb(600),
    "deep.html": hostile.deep_markup(100_000),
    "loop.pdf": hostile.pdf_page_loop(),
    "locked.pdf": (CORPUS / "locked" / "locked.pdf").read_bytes(),
    "half.docx": (CORPUS / "report.docx").read_bytes()[:3000],
    "picture.pdf": b"\x89PNG\r\n\x1a\n" + bytes(500),
    "empty.txt": b"",
}
SECONDS = 200
GOOD = {"between/report.odt": (CORPUS / "report.odt").read_bytes(), "last.txt": "最后的文件".encode()}


def send(client: httpx.Client, dataset_id: str, name: str, content: bytes) -> dict[str, Any]:
    reply = client.post(
        f"/datasets/{dataset_id}/document/create-by-file",
        data={"data": json.dumps(DATA)},
        files={"file": (name, content)},
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


def wait_finished(client: httpx.Client, path: str) -> dict[str, dict[str, Any]]:
    """Return how each document of a batch ended, by id; meanwhile the server answers."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert client.get(str(client.base_url.copy_with(path="/healthz"))).status_code == 200
        found = client.get(path).json()["data"]
        if all(each["indexing_status"] in ("completed", "error") for each in found):
            return {each["id"]: each for each in found}
        time.sleep(0.1)
    raise AssertionError(f"not finished in {SECONDS} s")


@pytest.mark.slow
def test_hostile_files_end_in_messages_and_good_ones_beside_them_are_read(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", ZHIKU_EXTRACT_SECONDS="20")
    server.start()
    try:
        server.wait_healthy()
        assert server.process is not None
        with server.client() as client:
            dataset_id = client.post("/datasets", json={"name": "all", "indexing_technique": "economy"}).json()["id"]
            before = psutil.Process(server.process.pid).memory_info().rss
            archive = zip_of({**HOSTILE, **GOOD})
            batch = send(client, dataset_id, "all.zip", archive)["batch"]

            progress = wait_finished(client, f"/datasets/{dataset_id}/documents/{batch}/indexing-status")
            listed = client.get(f"/datasets/{dataset_id}/documents?limit=100").json()["data"]
            ended = {document["name"]: progress[document["id"]] for document in listed}
            assert {name for name, each in ended.items() if each["indexing_status"] == "completed"} == GOOD.keys()
            assert all(ended[name]["error"].endswith(".") for name in HOSTILE)
            # Nothing of a file is unpacked in the process that serves.
            assert psutil.Process(server.process.pid).memory_info().rss < before + (64 << 20)
    finally:
        server.stop()
