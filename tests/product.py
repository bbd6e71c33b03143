"""A whole Zhiku in one process for tests: real SQLite, real files, an exact index, jobs run when the test says so."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from tests.documented import check_replies
from tests.word_embedder import WordEmbedder
from zhiku.access.service import create_key, ensure_workspace
from zhiku.blobs.local import LocalBlobs
from zhiku.bootstrap import make_handlers, make_sandbox, make_served_handlers
from zhiku.clock import Clock, SystemClock
from zhiku.db.engine import Database
from zhiku.db.hits import HitCounts
from zhiku.db.key_uses import KeyUses
from zhiku.indexes.memory import MemoryIndex
from zhiku.ingestion.apply import Applier
from zhiku.ingestion.keeper import IndexKeeper
from zhiku.jobs.worker import JobHandler, run_jobs
from zhiku.providers.base import Chat, Embedder
from zhiku.providers.catalog import ModelCatalog, ModelName, read_aliases
from zhiku.runtime import Activity, Runtime, Wakeups
from zhiku.server import create_app
from zhiku.settings import Settings

MODEL = ModelName("test", "words")
RIVAL = ModelName("rival", "other-words")
CHAT = ModelName("test", "writer")


@dataclass
class Product:
    """The parts a test works with; `api` sends the key with every request."""

    rt: Runtime
    api: TestClient
    anonymous: TestClient
    embedder: WordEmbedder
    handlers: Mapping[str, JobHandler[Runtime]]
    index: MemoryIndex
    applier: Applier
    keeper: IndexKeeper
    key: str
    made: dict[str, Any] = field(default_factory=dict)

    def settle(self) -> None:
        """Run jobs, apply the outbox and rebuild shards until nothing is left to do."""
        while run_jobs(self.rt, self.handlers) + self.applier.apply_pending() + self.keeper.rebuild_due():
            pass

    def create_dataset(self, name: str = "Guide", **fields: Any) -> str:
        """Return the id of a new dataset."""
        response = self.api.post("/v1/datasets", json={"name": name, **fields})
        assert response.status_code == 200, response.text
        return response.json()["id"]

    def add_text(self, dataset_id: str, name: str, text: str, **fields: Any) -> dict[str, Any]:
        """Return the reply of a create-by-text; nothing is indexed until `settle`."""
        body = {"name": name, "text": text, "indexing_technique": "high_quality", **fields}
        response = self.api.post(f"/v1/datasets/{dataset_id}/document/create-by-text", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def add_file(self, dataset_id: str, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """Return the reply of a create-by-file."""
        data = {"indexing_technique": "high_quality", "process_rule": {"mode": "automatic"}, **fields}
        response = self.api.post(
            f"/v1/datasets/{dataset_id}/document/create-by-file",
            data={"data": _json(data)},
            files={"file": (name, content)},
        )
        assert response.status_code == 200, response.text
        return response.json()

    def status(self, dataset_id: str, batch: str) -> dict[str, Any]:
        """Return the first entry of a batch's indexing status."""
        response = self.api.get(f"/v1/datasets/{dataset_id}/documents/{batch}/indexing-status")
        assert response.status_code == 200, response.text
        return response.json()["data"][0]

    def retrieve(self, dataset_id: str, query: str, method: str | None = None, **model: Any) -> list[dict[str, Any]]:
        """Return the records of a question."""
        body: dict[str, Any] = {"query": query}
        if method is not None or model:
            body["retrieval_model"] = {"search_method": method or "semantic_search", **model}
        response = self.api.post(f"/v1/datasets/{dataset_id}/retrieve", json=body)
        assert response.status_code == 200, response.text
        return response.json()["records"]


@contextmanager
def open_product(
    data_dir: Path,
    db: Database,
    clock: Clock | None = None,
    rival: WordEmbedder | None = None,
    chat: Chat | None = None,
    **settings: Any,
) -> Iterator[Product]:
    """Yield a product over an empty, migrated catalog; `rival` is a second embedding model that it serves."""
    clock = clock or SystemClock()
    options = Settings(data_dir=data_dir, **settings)
    embedder = WordEmbedder()
    served: dict[ModelName, Callable[[], Embedder]] = {MODEL: lambda: embedder}
    if rival is not None:
        served[RIVAL] = lambda: rival
    index = MemoryIndex()

    def apply_now(_dataset_id: str, _sequence: int) -> bool:
        applier.apply_pending()
        return True

    def request_rebuild(dataset_id: str) -> None:
        keeper.request(dataset_id)

    rt = Runtime(
        settings=options,
        clock=clock,
        db=db,
        blobs=LocalBlobs(options.blobs_dir),
        models=ModelCatalog(served, MODEL, read_aliases(options, list(served)), {CHAT: lambda: chat} if chat else {}),
        index=index,
        wakeups=Wakeups(jobs=lambda: None, outbox=lambda: None, applied=apply_now),
        activity=Activity(clock),
        hits=HitCounts(db),
        key_uses=KeyUses(db),
    )
    applier = Applier(rt, index, on_rebuild=request_rebuild)
    keeper = IndexKeeper(rt, index, applier, options.index_dir)
    ensure_workspace(rt)
    _, key = create_key(rt, "test")
    app = create_app(rt)
    with make_sandbox(options) as sandbox:
        api = TestClient(app, headers={"Authorization": f"Bearer {key}"}, raise_server_exceptions=False)
        anonymous = TestClient(app, raise_server_exceptions=False)
        for client in (api, anonymous):
            client.event_hooks = {"response": [check_replies(app)]}
        handlers = {**make_handlers(sandbox), **make_served_handlers()}
        yield Product(rt, api, anonymous, embedder, handlers, index, applier, keeper, key)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
