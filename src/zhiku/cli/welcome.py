"""What `zhiku serve` says when it starts, and the sample that a first start loads and asks."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from zhiku.access.service import Actor, ensure_workspace, mark_sample_loaded
from zhiku.access.sessions import ensure_password
from zhiku.datasets.schemas import CreateDataset, ListDatasets
from zhiku.datasets.service import create_dataset, get_dataset, list_datasets
from zhiku.datasets.store import Dataset
from zhiku.documents.schemas import DocumentSettings
from zhiku.documents.service import create_document, get_progress
from zhiku.documents.source import TextSource
from zhiku.errors import ZhikuError
from zhiku.http.paging import Page
from zhiku.retrieval.schemas import RetrieveRequest
from zhiku.retrieval.service import retrieve
from zhiku.runtime import Runtime
from zhiku.sample import QUESTIONS, documents

SAMPLE_NAME = "Zhiku user guide · 知库用户指南"
SAMPLE_SECONDS = 300.0
POLL_SECONDS = 0.1
SHOWN_CHARS = 160

log = structlog.get_logger(__name__)


class Welcome:
    """Prints where the server is and how to ask it; loads the sample in a thread of its own on the first start."""

    def __init__(self, rt: Runtime, new_key: str | None, *, is_sample_wanted: bool) -> None:
        self._rt = rt
        self._new_key = new_key
        self._is_sample_wanted = is_sample_wanted
        self._stop = threading.Event()

    def start(self, is_started: Callable[[], bool]) -> None:
        """Say hello once the server listens; returns at once."""
        threading.Thread(target=self._run, args=(is_started,), name="zhiku-welcome", daemon=True).start()

    def stop(self) -> None:
        """Give up waiting for the sample."""
        self._stop.set()

    def _run(self, is_started: Callable[[], bool]) -> None:
        while not is_started():
            if self._stop.wait(0.02):
                return
        self._print_address()
        try:
            self._show_sample()
        except ZhikuError as error:
            log.warning("sample not loaded", error=str(error))

    def _print_address(self) -> None:
        url = base_url(self._rt)
        self._print("")
        self._print("Zhiku 知库 is running. Ctrl-C stops it.")
        self._print(f"  API       {url}/v1        (Dify Knowledge API)")
        self._print(f"  API docs  {url}/docs")
        self._print(f"  Console   {url}/console/")
        self._print(f"  Data      {self._rt.settings.data_dir.resolve()}")
        if self._new_key:
            self._print(f"  API key   {self._new_key}   (shown this once; `zhiku keys create` makes another)")
        # Here and not before the start: making one takes a while on purpose.
        password = ensure_password(self._rt)
        if password:
            self._print(f"  Password  {password}   (for the console, shown this once)")

    def _show_sample(self) -> None:
        workspace = ensure_workspace(self._rt)
        if workspace.is_sample_loaded or not self._is_sample_wanted:
            return
        actor = Actor(workspace.owner_id, workspace.owner_name, "")
        self._print("\nLoading the sample (Zhiku's user guide, English and Chinese) ...")
        started_at = time.monotonic()
        dataset = self._sample_dataset(actor)
        batches = [self._add(actor, dataset, name, text) for name, text in self._texts()]
        if not self._wait_completed(dataset, batches):
            return
        mark_sample_loaded(self._rt)
        self._print(f"{len(batches)} documents are searchable after {time.monotonic() - started_at:.1f} s.")
        for question in QUESTIONS:
            self._ask(dataset, question.query)
        self._print_curl(dataset)

    def _sample_dataset(self, actor: Actor) -> Dataset:
        """Return the sample's dataset; an interrupted first start has made it already."""
        rows, _ = list_datasets(self._rt, actor, ListDatasets(keyword=SAMPLE_NAME), Page())
        if rows:
            return rows[0].dataset
        request = CreateDataset.model_validate(
            {
                "name": SAMPLE_NAME,
                "description": "Zhiku's own user guide, to try questions on.",
                "indexing_technique": "high_quality",
                "retrieval_model": {"search_method": "hybrid_search", "top_k": 3},
            }
        )
        return create_dataset(self._rt, actor, request).dataset

    def _texts(self) -> list[tuple[str, str]]:
        return [(document.name, document.text) for document in documents()]

    def _add(self, actor: Actor, dataset: Dataset, name: str, text: str) -> str:
        rule: dict[str, Any] = {
            "mode": "custom",
            "rules": {
                "pre_processing_rules": [],
                "segmentation": {"separator": "\n## ", "max_tokens": 1000, "chunk_overlap": 0},
            },
        }
        settings = DocumentSettings.model_validate({"process_rule": rule})
        source = TextSource(name=name, content=text.encode())
        return create_document(self._rt, actor, dataset, source, settings)[1]

    def _wait_completed(self, dataset: Dataset, batches: list[str]) -> bool:
        deadline = time.monotonic() + SAMPLE_SECONDS
        for count, batch in enumerate(batches):
            if count:
                self._print(f"  {count} of {len(batches)} documents")
            while not all(
                entry.document.indexing_status in ("completed", "error")
                for entry in get_progress(self._rt, dataset.id, batch)
            ):
                if self._stop.wait(POLL_SECONDS) or time.monotonic() > deadline:
                    return False
        return True

    def _ask(self, dataset: Dataset, question: str) -> None:
        records = retrieve(self._rt, self._current(dataset), RetrieveRequest(query=question))
        self._print(f"\n  {question}")
        for record in records[:1]:
            text = " ".join(record.segment.content.split())[:SHOWN_CHARS]
            self._print(f"  {record.score:.2f}  {record.document.name}: {text} ...")

    def _current(self, dataset: Dataset) -> Dataset:
        return get_dataset(self._rt, dataset.id).dataset

    def _print_curl(self, dataset: Dataset) -> None:
        key = self._new_key or "YOUR-KEY"
        question = QUESTIONS[0].query
        self._print("\nAsk it yourself:")
        self._print(
            f"  curl -s {base_url(self._rt)}/v1/datasets/{dataset.id}/retrieve \\\n"
            f"    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
            f'    -d \'{{"query": "{question}"}}\'\n',
        )

    def _print(self, text: str) -> None:
        print(text, flush=True)


def base_url(rt: Runtime) -> str:
    """Return the address a person on this machine types."""
    return rt.settings.public_url or f"http://{rt.settings.host}:{rt.settings.port}"
