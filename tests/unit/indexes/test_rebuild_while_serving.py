"""Retrieval keeps answering while another process builds the shard that will replace the one it searches."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.unit.indexes.catalog_rows import BASIS, Catalog
from zhiku.indexes.base import Hit, Index, Posting, Scope, Shard, ShardState, Terms
from zhiku.indexes.edge import EdgeIndex
from zhiku.indexes.rebuild import is_rebuild_due, start_build

POSTINGS = 50_000
DIMENSION = 64
BATCH = 1_000
OLD = Shard("d1", 1, DIMENSION, 12.0)
NEW = Shard("d1", 2, DIMENSION, 12.0)
ENOUGH_SECONDS = 250.0
STALL_SECONDS = 5.0
"""Far above what a search waits on a busy machine, far below what a build takes in the serving process's place."""

random = np.random.default_rng(7)
VECTORS = random.standard_normal((POSTINGS, DIMENSION)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
WORDS = 1 + (random.zipf(1.3, (POSTINGS, 12)) % 30_000).astype(np.uint32)
COUNTS = np.ones(12, dtype=np.uint32)


def make_posting(number: int) -> Posting:
    hashes = np.unique(WORDS[number - 1])
    return Posting(number, number // 20 + 1, Terms(hashes, COUNTS[: len(hashes)]), hashes[:3], VECTORS[number - 1])


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path)
    catalog.add_dataset("d1")
    yield catalog
    catalog.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[EdgeIndex]:
    index = EdgeIndex(tmp_path / "index")
    yield index
    index.close()


def fill(catalog: Catalog, index: Index) -> None:
    for document in range(1, POSTINGS // 20 + 2):
        catalog.add_document("d1", document)
    for first in range(1, POSTINGS + 1, BATCH):
        postings = [make_posting(number) for number in range(first, first + BATCH)]
        catalog.add_postings("d1", postings)
        index.put(OLD, postings)


def ask(index: Index, shard: Shard, number: int) -> list[list[Hit]]:
    """Return the answers of each kind of search to what posting `number` says."""
    posting = make_posting(number)
    assert posting.vector is not None
    scope = Scope(frozenset(range(1, 300)), False)
    return [
        index.search_vector(shard, posting.vector, 10, None),
        index.search_vector(shard, posting.vector, 10, scope),
        index.search_terms(shard, posting.terms.hashes, 10, None),
        index.search_keywords(shard, posting.keywords, 10, None),
    ]


class Searcher(threading.Thread):
    """Searches again and again and remembers the longest wait and what went wrong."""

    def __init__(self, index: Index) -> None:
        super().__init__(daemon=True)
        self.searches = 0
        self.longest_seconds = 0.0
        self.misses: list[int] = []
        self.is_done = threading.Event()
        self._index = index

    def run(self) -> None:
        while not self.is_done.wait(0.005):
            number = 1 + (self.searches * 7919) % POSTINGS
            started = time.monotonic()
            answers = ask(self._index, OLD, number)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - started)
            if answers[0][0].number != number:
                self.misses.append(number)
            self.searches += 1


@pytest.mark.slow
def test_searches_go_on_during_a_rebuild_and_answer_the_same_after_the_swap(
    catalog: Catalog, index: EdgeIndex, tmp_path: Path
) -> None:
    fill(catalog, index)
    assert is_rebuild_due(index.state(OLD))
    searcher = Searcher(index)
    searcher.start()
    try:
        # Urgent, because a machine that runs other tests may leave nothing to one that is not.
        report = start_build(catalog.url, tmp_path / "index", NEW, BASIS, is_urgent=True).wait(ENOUGH_SECONDS)
    finally:
        searcher.is_done.set()
        searcher.join()

    assert report.postings == POSTINGS
    assert searcher.searches > 100
    assert searcher.misses == []
    assert searcher.longest_seconds < STALL_SECONDS

    assert index.state(NEW) == ShardState(POSTINGS, dead=0, unoptimised=0)
    for number in range(1, POSTINGS, 2500):
        for before, after in zip(ask(index, OLD, number), ask(index, NEW, number), strict=True):
            scores = [hit.score for hit in before]
            assert [hit.score for hit in after] == pytest.approx(scores, abs=1e-5)
            # Which of the postings at the cut's own score are in is the index's choice.
            assert [hit.number for hit in after if hit.score > scores[-1] + 1e-5] == [
                hit.number for hit in before if hit.score > scores[-1] + 1e-5
            ]
    index.drop_generation("d1", 1)
    assert index.list_generations("d1") == [2]
    assert index.list_numbers(OLD) == []
    assert index.state(NEW).postings == POSTINGS
