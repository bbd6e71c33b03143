"""Builds a dataset's shard anew from the catalog, in a child process, because optimising stops a process.

The caller decides the swap: it keeps the outbox rows since the build began, starts the build of
`generation + 1`, applies the kept rows to the new generation when it is there, names it in the catalog as the
one that answers, and drops the old one.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from qdrant_edge import EdgeShard, UpdateOperation

from zhiku.db.engine import Database
from zhiku.indexes.base import Index, Posting, Shard, ShardState
from zhiku.indexes.edge_points import GRAPH_FROM, make_points
from zhiku.indexes.open_shards import BUILDING_SUFFIX, Built, engine_errors, make_engine, write_built
from zhiku.indexes.packing import unpack_hashes, unpack_terms
from zhiku.indexes.store import IndexBasis, PostingRow, count_live_postings, list_live_postings

PAGE = 1_000
POINTS_A_BATCH = 250
FILL_BATCH = 16
"""Postings of one put when the serving process fills a shard itself: each holds the interpreter for 50 us."""

UNOPTIMISED_MAX = 5_000
UNOPTIMISED_SHARE = 0.2
DEAD_MAX = 1_000
DEAD_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made. `without_vector` postings lack the embedding they should have: embed them again."""

    postings: int
    without_vector: int
    has_graph: bool
    seconds: float


class BuildFailed(Exception):
    """A build ended without a shard; the message says what its process said last. Nothing was changed."""


def is_rebuild_due(state: ShardState, patience: float = 1.0) -> bool:
    """Return whether a new build is worth its while; a higher `patience` lets so many times as much come together.

    Postings put since the last build cost 1 ms more a vector search for each 10,000 (2 cores, 384
    dimensions), and dead ones are in the way of counting words. Both bounds grow with the shard, so that
    filling one costs a constant number of builds for each doubling.
    """
    is_slow = state.unoptimised > patience * max(UNOPTIMISED_MAX, UNOPTIMISED_SHARE * state.postings)
    is_littered = state.dead > patience * max(DEAD_MAX, DEAD_SHARE * state.postings)
    return is_slow or is_littered


def start_build(
    database_url: str, index_root: Path, shard: Shard, basis: IndexBasis, *, is_urgent: bool = False
) -> "Build":
    """Start a child process that builds `shard`, and return at once.

    It takes only the processor time that nobody else wants, and on a busy machine that may be none for long;
    `is_urgent` gives it the usual share, for a dataset that cannot answer at all without the build.
    `shard.generation` must not exist yet: drop what an earlier try may have left. The child ends when this
    process does.
    """
    order = {
        "database_url": database_url,
        "index_root": str(index_root),
        "shard": asdict(shard),
        "basis": asdict(basis),
        "is_urgent": is_urgent,
    }
    return Build(shard, order)


def fill_shard(database: Database, index: Index, shard: Shard, basis: IndexBasis) -> BuildReport:
    """Put all postings the catalog has into `shard` of any index, from this process; for small ones.

    Nothing is optimised and nothing removed: drop the generation before if it may hold anything.
    """
    started = time.monotonic()
    reader = _PostingReader(database, shard, basis)
    for postings in reader.pages(FILL_BATCH):
        index.put(shard, postings)
    return BuildReport(reader.count, reader.without_vector, False, time.monotonic() - started)


def build_shard(
    database_url: str,
    index_root: Path,
    shard: Shard,
    basis: IndexBasis,
    on_progress: Callable[[int, int], None],
    graph_from: int = GRAPH_FROM,
) -> BuildReport:
    """Build `shard` from the catalog, optimise it and give it its name last; call it in a process of its own.

    `on_progress` is told how many postings of about how many were read. From `graph_from` postings the shard
    gets a graph. Raises BuildFailed if the generation
    exists, StorageFull, Unavailable.
    """
    started = time.monotonic()
    folder = index_root / shard.dataset_id / str(shard.generation)
    building = folder.with_name(folder.name + BUILDING_SUFFIX)
    if folder.exists():
        raise BuildFailed(f"generation {shard.generation} of dataset {shard.dataset_id} exists already")
    shutil.rmtree(building, ignore_errors=True)
    database = Database(database_url)
    with database.read() as connection:
        expected = count_live_postings(connection, shard.dataset_id, basis)
    reader = _PostingReader(database, shard, basis)
    has_graph = shard.dimension > 0 and expected >= graph_from
    engine = make_engine(building, shard, has_graph=has_graph)
    with engine_errors(building):
        for postings in reader.pages(PAGE):
            _put(engine, postings, shard.average_length)
            on_progress(reader.count, max(expected, reader.count))
        engine.optimize()
        info = engine.info()
        # What the engine counts beyond two sparse vectors a posting are optimised dense ones.
        built = Built(info.points_count, info.indexed_vectors_count - 2 * info.points_count)
        engine.flush()
        engine.close()
    database.close()
    write_built(building, built)
    building.rename(folder)
    return BuildReport(reader.count, reader.without_vector, has_graph, time.monotonic() - started)


class Build:
    """A build that runs in a child process; made by `start_build`."""

    def __init__(self, shard: Shard, order: Mapping[str, object]) -> None:
        self.shard = shard
        self.read = 0
        self.expected = 0
        self._report: BuildReport | None = None
        self._failed = self._last_words = ""
        self._child = subprocess.Popen(
            [sys.executable, "-m", "zhiku.indexes.rebuild"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Through the pipe and not as an argument: the URL may hold a password.
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(json.dumps(order) + "\n")
            self._child.stdin.flush()
        self._listener = threading.Thread(target=self._listen, name="build-listener", daemon=True)
        self._listener.start()

    @property
    def is_running(self) -> bool:
        """Whether the child is still at work; when it is not, `wait` returns or raises at once."""
        return self._listener.is_alive()

    def wait(self, timeout_seconds: float) -> BuildReport:
        """Return the report when the shard is there, closed and ready to be opened.

        Raises BuildFailed if the child failed, was killed, or is not done in time (it is stopped then).
        """
        self._listener.join(timeout_seconds)
        if self._listener.is_alive():
            self.stop()
            raise BuildFailed(f"not done after {timeout_seconds:.0f} s, {self.read} of {self.expected} postings read")
        if self._report is None:
            raise BuildFailed(self._failed or self._last_words or f"the process ended with {self._child.returncode}")
        return self._report

    def stop(self) -> None:
        """End the child, whatever it is doing; nothing happens if it has ended."""
        self._child.kill()
        self._listener.join()

    def _listen(self) -> None:
        assert self._child.stdout is not None
        assert self._child.stdin is not None
        for line in self._child.stdout:
            if not line.startswith("{"):
                self._last_words = line.strip() or self._last_words
                continue
            said: dict[str, Any] = json.loads(line)
            if "failed" in said:
                self._failed = said["failed"]
            elif "report" in said:
                self._report = BuildReport(**said["report"])
            else:
                self.read, self.expected = said["read"], said["expected"]
        self._child.wait()
        self._child.stdout.close()
        with suppress(BrokenPipeError):
            self._child.stdin.close()


class _PostingReader:
    """Reads a dataset's live postings from the catalog in short reads, and counts them."""

    def __init__(self, database: Database, shard: Shard, basis: IndexBasis) -> None:
        self.count = 0
        self.without_vector = 0
        self._database = database
        self._shard = shard
        self._basis = basis

    def pages(self, size: int) -> Iterator[list[Posting]]:
        """Yield the postings by ascending number. A page is one moment; what changes between comes by the outbox."""
        after = 0
        while True:
            with self._database.read() as connection:
                rows = list_live_postings(connection, self._shard.dataset_id, self._basis, after=after, limit=size)
            if not rows:
                return
            after = rows[-1].number
            postings = [self._make_posting(row) for row in rows]
            self.count += len(postings)
            yield postings

    def _make_posting(self, row: PostingRow) -> Posting:
        vector = None
        if self._shard.dimension and row.vector is not None and len(row.vector) == 4 * self._shard.dimension:
            vector = np.frombuffer(row.vector, dtype="<f4")
        elif self._shard.dimension:
            self.without_vector += 1
        terms, keywords = unpack_terms(row.terms), unpack_hashes(row.keyword_hashes)
        return Posting(row.number, row.document_number, terms, keywords, vector)


def _put(engine: EdgeShard, postings: list[Posting], average_length: float) -> None:
    for start in range(0, len(postings), POINTS_A_BATCH):
        points = make_points(postings[start : start + POINTS_A_BATCH], average_length)
        engine.update(UpdateOperation.upsert_points(points))


def _step_back() -> None:
    """Leave the processor to whoever answers requests."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _end_with_parent() -> None:
    # The parent never writes again, so this returns when the parent is gone.
    sys.stdin.read()
    os._exit(1)


def _say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _say_failure(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.__excepthook__(kind, error, trace)
    _say(failed=f"{kind.__name__}: {str(error).partition(chr(10))[0]}")


def main() -> None:
    """Build the shard that one line of JSON on standard input asks for, and tell on standard output."""
    sys.excepthook = _say_failure
    order = json.loads(sys.stdin.readline())
    if not order["is_urgent"]:
        _step_back()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    report = build_shard(
        order["database_url"],
        Path(order["index_root"]),
        Shard(**order["shard"]),
        IndexBasis(**order["basis"]),
        lambda read, expected: _say(read=read, expected=expected),
    )
    _say(report=asdict(report))


if __name__ == "__main__":
    main()
