"""The data to search: made once for each size, by the real ingestion, and kept under bench/tmp."""

import hashlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.schema import CreateTable

from bench.api import Api
from bench.corpus import TMP, make_segments
from bench.embedder import DIMENSION, HashedEmbedder
from bench.processes import hashed_zhiku, running
from bench.served import HURRY
from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Database
from zhiku.db.tables import metadata
from zhiku.indexes.base import Shard
from zhiku.indexes.edge import EdgeIndex
from zhiku.indexes.rebuild import build_shard
from zhiku.indexes.store import IndexBasis
from zhiku.segments.indexing import shard_of

PER_DOCUMENT = 100


@dataclass(frozen=True)
class Data:
    """Where both servers have the same segments, and the dataset's id in Zhiku."""

    size: int
    zhiku_dir: Path
    dataset_id: str
    bare_dir: Path


def prepare(size: int) -> Data:
    """Return the data of one size, made if it is not there yet (minutes for 100,000)."""
    bare_dir = TMP / f"bare-{size}"
    if not (bare_dir / "done").exists():
        shutil.rmtree(bare_dir, ignore_errors=True)
        _say(f"making the bare server's {size} segments")
        command = [sys.executable, "-m", "bench.bare_shard", str(bare_dir / "shard"), str(size), str(PER_DOCUMENT)]
        subprocess.run(command, check=True)
        (bare_dir / "done").touch()
    zhiku_dir = TMP / f"zhiku-{size}"
    note = zhiku_dir / "bench.json"
    if _read_note(note).get("catalog") != _catalog_print():
        shutil.rmtree(zhiku_dir, ignore_errors=True)
        _say(f"making Zhiku's {size} segments")
        dataset_id = _ingest(zhiku_dir, size)
        _ensure_built(zhiku_dir, dataset_id)
        note.write_text(json.dumps({"dataset_id": dataset_id, "catalog": _catalog_print()}), encoding="utf-8")
    return Data(size, zhiku_dir, _read_note(note)["dataset_id"], bare_dir / "shard")


def fresh_dir(name: str) -> Path:
    """Return an empty folder under bench/tmp; what an earlier run left in it is removed."""
    folder = TMP / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def copy_dir(source: Path, name: str) -> Path:
    """Return a copy of a data folder that may be changed."""
    folder = TMP / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    return folder


def _read_note(note: Path) -> dict[str, str]:
    return json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}


def _catalog_print() -> str:
    """Return what changes with the catalog's tables: data of other tables is made anew."""
    tables = [str(CreateTable(table)) for table in metadata.sorted_tables]
    return hashlib.sha256("".join(tables).encode()).hexdigest()


def _ingest(folder: Path, size: int) -> str:
    server = hashed_zhiku(folder, **{HURRY: "1"})
    started = time.monotonic()
    with running(server):
        api = Api(server.port)
        dataset_id = api.create_dataset(f"{size} segments")
        documents = 0
        for segments in make_segments(size, PER_DOCUMENT):
            api.create_document(dataset_id, f"document {documents}", segments)
            documents += 1
        api.wait_available(dataset_id, documents, pause=0.2)
    _say(f"{size} segments took {time.monotonic() - started:.0f} s")
    return dataset_id


def _ensure_built(folder: Path, dataset_id: str) -> None:
    """Put the whole shard in order, as the bare server's is.

    Zhiku does it by itself as a dataset grows, at a moment that differs from run to run: up to 5,000 postings stay as
    they were put, and cost a vector search up to .4 ms more.
    """
    database = Database(f"sqlite:///{folder / 'catalog.sqlite3'}")
    with database.read() as connection:
        dataset = dataset_store.find_dataset(connection, dataset_id)
    if dataset is None:
        raise RuntimeError("the dataset is gone")
    root = folder / "index"
    index = EdgeIndex(root)
    state = index.state(shard_of(dataset))
    index.close()
    if not state.unoptimised and not state.dead:
        return
    generation = dataset.index_generation + 1
    shard = Shard(dataset_id, generation, DIMENSION, dataset.mean_terms)
    started = time.monotonic()
    build_shard(database.url, root, shard, IndexBasis(HashedEmbedder.key), lambda _read, _expected: None)
    with database.begin() as tx:
        dataset_store.swap_index(tx, dataset, {"index_generation": generation})
    shutil.rmtree(root / dataset_id / str(dataset.index_generation))
    database.close()
    _say(f"building the shard took {time.monotonic() - started:.0f} s")


def _say(message: str) -> None:
    print(f"[bench] {message}", file=sys.stderr, flush=True)
