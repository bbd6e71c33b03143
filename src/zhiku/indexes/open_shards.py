"""The Edge shards this process has open: opened on demand, closed when long unused, never under a user."""

import json
import os
import shutil
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from qdrant_edge import EdgeShard, PayloadSchemaType, UpdateOperation

from zhiku.errors import StorageFull, Unavailable
from zhiku.indexes.base import IndexDamaged, IndexLocked, Shard, ShardState
from zhiku.indexes.edge_points import DOCUMENT, KEYWORDS, TERMS, load_config, make_config
from zhiku.indexes.idf_cache import IdfCache

BUILT_FILE = "built.json"
"""Written into a shard's folder by a build: a `Built`."""

BUILDING_SUFFIX = ".building"
"""Ends the name of a generation's folder while a build writes it."""

DROPPED_PREFIX = ".dropped-"

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Built:
    """What a shard had when it was built: its postings, and how many optimised dense vectors the engine counts."""

    postings: int
    vectors: int


class OpenShard:
    """One open shard with what is known about it; use it only inside `OpenShards.reading` or `writing`."""

    def __init__(self, engine: EdgeShard, folder: Path, built: Built, *, has_vectors: bool) -> None:
        self.engine = engine
        self.folder = folder
        # By field, and by whether only the living postings are counted.
        self.idfs = {(field, living): IdfCache() for field in (TERMS, KEYWORDS) for living in (False, True)}
        # Postings put or deleted since it was opened.
        self.changes = 0
        self.users = 0
        self.is_dirty = False
        self._built = built
        self._has_vectors = has_vectors
        self._state: tuple[int, ShardState] | None = None

    def mark_changed(self, postings: int) -> None:
        """Note a change of so many postings: what was known about the shard may be wrong, and a flush is due."""
        self.is_dirty = True
        self.changes += postings

    def state(self) -> ShardState:
        """Return how the shard is doing (3 us after a change, else nothing)."""
        changes = self.changes
        if self._state is None or self._state[0] != changes:
            info = self.engine.info()
            # The engine counts every sparse vector, of the dead too, and the optimised dense ones. Each posting
            # has two sparse vectors.
            stored = (info.indexed_vectors_count - self._built.vectors) // 2
            dead = max(stored - info.points_count, 0)
            # Words are searched as fast without optimising, so a shard without vectors does not need it.
            unoptimised = max(stored - self._built.postings, 0) if self._has_vectors else 0
            self._state = (changes, ShardState(info.points_count, dead, unoptimised))
        return self._state[1]


Opened = TypeVar("Opened", bound=OpenShard | None)


class Use(Generic[Opened]):
    """Holds a shard open for a `with` block; a class, because a generator would cost 2 us a search more."""

    __slots__ = ("_let_go", "_opened")

    def __init__(self, opened: Opened, let_go: Callable[[OpenShard], None]) -> None:
        self._opened = opened
        self._let_go = let_go

    def __enter__(self) -> Opened:
        return self._opened

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._opened is None:
            return
        self._let_go(self._opened)
        if error is not None:
            raise_translated(error, self._opened.folder)


class OpenShards:
    """At most about `limit` open shards under `root`. Safe to call from several threads."""

    def __init__(self, root: Path, limit: int) -> None:
        self._root = root
        self._limit = limit
        self._open: OrderedDict[Key, OpenShard] = OrderedDict()
        self._changed = threading.Condition()
        self._is_closed = False
        root.mkdir(parents=True, exist_ok=True)
        for left_over in (*root.glob(f"{DROPPED_PREFIX}*"), *root.glob(f"*/*{BUILDING_SUFFIX}")):
            shutil.rmtree(left_over, ignore_errors=True)

    def reading(self, shard: Shard) -> "Use[OpenShard | None]":
        """Yield, in a `with`, the shard or None if it does not exist; it stays open until the block ends."""
        return Use(self._take(shard, is_made=False), self._let_go)

    def writing(self, shard: Shard) -> "Use[OpenShard]":
        """Yield, in a `with`, the shard, made if it does not exist; it stays open until the block ends."""
        return Use(cast("OpenShard", self._take(shard, is_made=True)), self._let_go)

    def list_generations(self, dataset_id: str) -> list[int]:
        """Return the generations that have a finished folder, ascending."""
        with suppress(FileNotFoundError):
            return sorted(int(name) for name in os.listdir(self._root / dataset_id) if name.isdecimal())
        return []

    def drop(self, dataset_id: str, generation: int | None) -> None:
        """Remove one generation, or all of a dataset, after its users are done with it."""
        folder = self._root / dataset_id
        if generation is not None:
            folder /= str(generation)
        # The name goes at once, the content may take its time, and a crash between leaves no half of a shard.
        doomed = self._root / f"{DROPPED_PREFIX}{uuid.uuid4().hex}"
        with self._changed:
            self._changed.wait_for(
                lambda: not any(self._open[key].users for key in self._list_open(dataset_id, generation))
            )
            for key in self._list_open(dataset_id, generation):
                # What cannot be closed properly any more must be droppable all the same.
                with suppress(IndexDamaged):
                    _close(self._open.pop(key), is_kept=False)
            with suppress(FileNotFoundError):
                folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def flush(self) -> None:
        """Write every changed shard to disk, one after the other."""
        with ExitStack() as held:
            with self._changed:
                dirty = [opened for opened in self._open.values() if opened.is_dirty]
                for opened in dirty:
                    opened.users += 1
                    held.callback(self._let_go, opened)
            for opened in dirty:
                # Before, so that what is put meanwhile is flushed the next time.
                opened.is_dirty = False
                with engine_errors(opened.folder):
                    opened.engine.flush()

    def close(self) -> None:
        """Flush and close every shard once its users are done; nothing can be opened afterwards."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not any(opened.users for opened in self._open.values()))
            with ExitStack() as every:
                while self._open:
                    every.callback(_close, self._open.popitem()[1])

    def _list_open(self, dataset_id: str, generation: int | None) -> list[Key]:
        return [key for key in self._open if key[0] == dataset_id and generation in {None, key[1]}]

    def _take(self, shard: Shard, *, is_made: bool) -> OpenShard | None:
        key = (shard.dataset_id, shard.generation)
        with self._changed:
            if self._is_closed:
                raise Unavailable
            opened = self._open.get(key)
            if opened is None:
                opened = self._open_folder(shard, is_made=is_made)
                if opened is None:
                    return None
                self._open[key] = opened
            self._open.move_to_end(key)
            opened.users += 1
            return opened

    def _let_go(self, opened: OpenShard) -> None:
        with self._changed:
            opened.users -= 1
            if not opened.users:
                self._changed.notify_all()
            if len(self._open) > self._limit:
                self._close_unused()

    def _close_unused(self) -> None:
        unused = next((key for key, opened in self._open.items() if not opened.users), None)
        if unused is not None:
            # Whoever is here came to use another shard; the log has what could not be flushed.
            with suppress(IndexDamaged, StorageFull):
                _close(self._open.pop(unused))

    def _open_folder(self, shard: Shard, *, is_made: bool) -> OpenShard | None:
        folder = self._root / shard.dataset_id / str(shard.generation)
        has_vectors = shard.dimension > 0
        if folder.is_dir():
            return OpenShard(load_engine(folder, shard), folder, _read_built(folder), has_vectors=has_vectors)
        if not is_made:
            return None
        return OpenShard(make_engine(folder, shard, has_graph=False), folder, Built(0, 0), has_vectors=has_vectors)


def make_engine(folder: Path, shard: Shard, *, has_graph: bool) -> EdgeShard:
    """Make an empty shard in `folder` and return it open. Raises StorageFull."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as undo, engine_errors(folder):
        # Half a shard would be taken for a damaged one from then on.
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        engine = EdgeShard.create(str(folder), make_config(shard, has_graph=has_graph))
        engine.update(UpdateOperation.create_field_index(DOCUMENT, PayloadSchemaType.Integer))
        undo.pop_all()
    return engine


def load_engine(folder: Path, shard: Shard) -> EdgeShard:
    """Open the shard in `folder`. Raises IndexDamaged, IndexLocked."""
    # The engine would take a folder without these for an empty shard.
    if not (folder / "edge_config.json").is_file() or not any((folder / "segments").glob("*")):
        raise IndexDamaged(f"the index of dataset {folder.parent.name} is incomplete")
    with engine_errors(folder, is_loading=True):
        engine = EdgeShard.load(str(folder), load_config(shard))
        # A crash just after the shard was made may have kept the field from its index.
        if DOCUMENT not in engine.info().payload_schema:
            engine.update(UpdateOperation.create_field_index(DOCUMENT, PayloadSchemaType.Integer))
    return engine


def write_built(folder: Path, built: Built) -> None:
    """Note in a shard's folder what its build made."""
    (folder / BUILT_FILE).write_text(json.dumps(asdict(built)), encoding="utf-8")


def _close(opened: OpenShard, *, is_kept: bool = True) -> None:
    with engine_errors(opened.folder):
        # The log covers what is not flushed; flushing keeps the next opening from reading it again.
        if is_kept and opened.is_dirty:
            opened.engine.flush()
        opened.engine.close()


def _read_built(folder: Path) -> Built:
    try:
        return Built(**json.loads((folder / BUILT_FILE).read_bytes()))
    except FileNotFoundError:
        return Built(0, 0)
    except (ValueError, TypeError) as error:
        raise IndexDamaged(f"the index of dataset {folder.parent.name}: {BUILT_FILE} cannot be read") from error


@contextmanager
def engine_errors(folder: Path, *, is_loading: bool = False) -> Generator[None]:
    """Translate what the engine raises in the block."""
    try:
        yield
    except BaseException as error:
        raise_translated(error, folder, is_loading=is_loading)
        raise


def raise_translated(error: BaseException, folder: Path, *, is_loading: bool = False) -> None:
    """Raise IndexLocked, StorageFull or IndexDamaged from what the engine raised; return if it is none of them.

    The engine knows only bare `Exception`, so its words are all there is to go by, and a panic, which is not
    even one.
    """
    is_panic = type(error).__name__ == "PanicException"
    if type(error) is not Exception and not is_panic:
        return
    message = str(error)
    if "WouldBlock" in message:
        raise IndexLocked(f"the index of dataset {folder.parent.name} is open in another process") from error
    if "No space left" in message or "StorageFull" in message:
        raise StorageFull from error
    if is_loading or is_panic:
        raise IndexDamaged(f"the index of dataset {folder.parent.name} cannot be read: {message}") from error
