"""The Edge index keeps the port's promises, and its own about files, processes and open shards."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.index_suite import (
    DIMENSION,
    SHARD,
    IndexSuite,
    assert_scores,
    direction,
    make_posting,
    numbers,
    words,
)
from zhiku.errors import Unavailable
from zhiku.indexes.base import Index, IndexDamaged, IndexLocked, Scope, Shard, ShardState
from zhiku.indexes.edge import EdgeIndex

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from tests.conformance.index_suite import SHARD, make_posting
from zhiku.indexes.edge import EdgeIndex
index = EdgeIndex(Path(sys.argv[1]))
index.put(SHARD, [make_posting(n, counts={7: 1}) for n in range(1, 41)])
index.delete(SHARD, range(1, 11))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


class TestEdgeIndex(IndexSuite):
    @pytest.fixture
    def index(self, root: Path) -> Iterator[Index]:
        index = EdgeIndex(root)
        yield index
        index.close()


def fill(root: Path, shard: Shard = SHARD, count: int = 20) -> None:
    """Make a shard of `count` postings in `root` and close it."""
    index = EdgeIndex(root)
    index.put(shard, [make_posting(n, n % 4, {7: n, 100 + n: 1}, [7, 100 + n]) for n in range(1, count + 1)])
    index.close()


def folder_of(root: Path, shard: Shard = SHARD) -> Path:
    return root / shard.dataset_id / str(shard.generation)


def test_a_reopened_index_answers_as_before(root: Path) -> None:
    fill(root)
    index = EdgeIndex(root)
    index.delete(SHARD, [3, 4])
    scope = Scope(frozenset({1, 2}), False)

    def answers(opened: EdgeIndex) -> list[dict[int, float]]:
        hits = (
            opened.search_vector(SHARD, direction(1, 1), 30, scope),
            opened.search_terms(SHARD, words(7, 105, 5), 30, scope),
            opened.search_keywords(SHARD, words(7, 105, 5), 30, scope),
        )
        return [{hit.number: hit.score for hit in each} for each in hits]

    before = answers(index)
    index.close()
    reopened = EdgeIndex(root)
    assert [pytest.approx(each, rel=1e-5) for each in answers(reopened)] == before
    assert reopened.list_numbers(SHARD) == [n for n in range(1, 21) if n not in {3, 4}]
    reopened.close()


def test_what_was_acknowledged_survives_a_kill(root: Path) -> None:
    writer = subprocess.run(
        [sys.executable, "-c", KILLED_WRITER, str(root)], env={**os.environ, "PYTHONPATH": "."}, check=False
    )
    assert writer.returncode == -9
    index = EdgeIndex(root)
    assert index.list_numbers(SHARD) == list(range(11, 41))
    assert len(index.search_terms(SHARD, words(7), 50, None)) == 30
    index.close()


def test_a_shard_open_elsewhere_is_locked_and_not_damaged(root: Path) -> None:
    index, second = EdgeIndex(root), EdgeIndex(root)
    index.put(SHARD, [make_posting(1)])
    with pytest.raises(IndexLocked, match="another process"):
        second.state(SHARD)
    index.close()
    assert second.state(SHARD).postings == 1
    second.close()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("name", ["edge_config.json", "first-index", "version.info", "segment.json", "status.dat"])
def test_a_truncated_shard_is_damaged(root: Path, name: str) -> None:
    fill(root)
    for path in folder_of(root).rglob(name):
        truncate(path)
    index = EdgeIndex(root)
    for _ in range(2):
        with pytest.raises(IndexDamaged, match="d1"):
            index.search_terms(SHARD, words(7), 5, None)
    with pytest.raises(IndexDamaged):
        index.put(SHARD, [make_posting(1)])
    index.close()


def test_an_empty_folder_and_a_broken_note_of_the_build_are_damage(root: Path) -> None:
    folder_of(root).mkdir(parents=True)
    index = EdgeIndex(root)
    with pytest.raises(IndexDamaged):
        index.state(SHARD)
    other = Shard("d2", 1, DIMENSION, 6.0)
    fill(root, other)
    (folder_of(root, other) / "built.json").write_text("{", encoding="utf-8")
    with pytest.raises(IndexDamaged, match=r"built\.json"):
        index.state(other)
    index.close()


def test_a_shard_with_vectors_of_another_length_is_damaged(root: Path) -> None:
    fill(root)
    index = EdgeIndex(root)
    with pytest.raises(IndexDamaged):
        index.state(Shard("d1", 1, DIMENSION + 1, 6.0))
    assert index.state(SHARD).postings == 20
    index.close()


def test_a_damaged_shard_stops_no_other_and_can_be_dropped(root: Path) -> None:
    fill(root)
    fill(root, Shard("d2", 1, DIMENSION, 6.0))
    truncate(folder_of(root) / "edge_config.json")
    index = EdgeIndex(root)
    with pytest.raises(IndexDamaged):
        index.state(SHARD)
    assert index.state(Shard("d2", 1, DIMENSION, 6.0)).postings == 20
    index.drop_generation("d1", 1)
    index.put(SHARD, [make_posting(1, counts={7: 1})])
    assert numbers(index.search_terms(SHARD, words(7), 5, None)) == [1]
    index.close()


def test_only_the_shards_used_last_stay_open(root: Path) -> None:
    shards = [Shard(f"d{n}", 1, DIMENSION, 6.0) for n in range(4)]
    index, second = EdgeIndex(root, open_limit=2), EdgeIndex(root)
    for number, shard in enumerate(shards, start=1):
        index.put(shard, [make_posting(number)])
    index.list_numbers(shards[2])
    index.put(shards[0], [make_posting(9)])
    assert second.list_numbers(shards[1]) == [2]
    assert second.list_numbers(shards[3]) == [4]
    for still_open in (shards[0], shards[2]):
        with pytest.raises(IndexLocked):
            second.state(still_open)
    assert index.list_numbers(shards[0]) == [1, 9]
    second.close()
    index.close()


def test_shards_are_never_closed_under_their_users(root: Path) -> None:
    shards = [Shard(f"d{n}", 1, DIMENSION, 6.0) for n in range(3)]
    index = EdgeIndex(root, open_limit=1)
    errors: list[BaseException] = []

    def use(offset: int) -> None:
        try:
            for turn in range(6):
                shard = shards[(turn + offset) % len(shards)]
                index.put(shard, [make_posting(100 * offset + turn + 1, counts={7: 1})])
                assert index.search_terms(shard, words(7), 5, None)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=use, args=(offset,)) for offset in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(len(index.list_numbers(shard)) for shard in shards) == 18
    index.close()


def test_a_generation_can_be_dropped_while_others_search_it(root: Path) -> None:
    fill(root)
    index = EdgeIndex(root)
    counts: list[int] = []
    is_searching, is_dropped = threading.Event(), threading.Event()

    def search() -> None:
        while not is_dropped.is_set():
            counts.append(len(index.search_terms(SHARD, words(7), 50, None)))
            is_searching.set()

    searcher = threading.Thread(target=search)
    searcher.start()
    assert is_searching.wait(60)
    index.drop_generation("d1", 1)
    is_dropped.set()
    searcher.join()
    assert set(counts) <= {20, 0}
    assert not folder_of(root).exists()
    index.close()


def test_what_a_crash_left_of_dropped_and_unfinished_shards_is_removed(root: Path) -> None:
    fill(root)
    left_over = [root / ".dropped-1" / "1", root / "d1" / "2.building"]
    for folder in left_over:
        folder.mkdir(parents=True)
    index = EdgeIndex(root)
    assert not any(folder.exists() for folder in left_over)
    assert index.list_generations("d1") == [1]
    index.close()


def test_a_closed_index_is_unavailable(root: Path) -> None:
    index = EdgeIndex(root)
    index.put(SHARD, [make_posting(1)])
    index.close()
    with pytest.raises(Unavailable):
        index.search_terms(SHARD, words(7), 5, None)
    index.close()


def test_the_state_counts_what_was_never_optimised_and_what_is_dead(root: Path) -> None:
    fill(root)
    index = EdgeIndex(root)
    index.delete(SHARD, [1, 2])
    assert index.state(SHARD) == ShardState(postings=18, dead=2, unoptimised=20)
    index.close()


def test_a_complement_that_leaves_out_the_nearest_still_fills_the_list(root: Path) -> None:
    index = EdgeIndex(root)
    near = [make_posting(n, document=1, vector=[1, n / 1000]) for n in range(1, 101)]
    far = [make_posting(n, document=2, vector=[1, n / 100]) for n in range(101, 111)]
    index.put(SHARD, [*near, *far])
    hits = index.search_vector(SHARD, direction(1), 3, Scope(frozenset({1}), True))
    assert numbers(hits) == [101, 102, 103]
    hits = index.search_vector(SHARD, direction(1), 3, Scope(frozenset({2}), True))
    assert numbers(hits) == [1, 2, 3]
    index.close()


def test_scores_stay_shares_while_a_shard_grows_under_its_queries(root: Path) -> None:
    index = EdgeIndex(root)
    asked = words(7, 8, 9)
    for first in range(1, 400, 8):
        batch = range(first, first + 8)
        index.put(SHARD, [make_posting(n, counts={7: 1, 8: n % 3 + 1, 1000 + n: 1}, keywords=[7, 8]) for n in batch])
        for hits in (index.search_terms(SHARD, asked, 5, None), index.search_keywords(SHARD, asked, 5, None)):
            assert len(hits) == 5
            assert all(0 < hit.score <= 1 for hit in hits)
    fresh = EdgeIndex(root.with_name("fresh"))
    fresh.put(
        SHARD, [make_posting(n, counts={7: 1, 8: n % 3 + 1, 1000 + n: 1}, keywords=[7, 8]) for n in range(1, 401)]
    )
    expected = {hit.number: hit.score for hit in fresh.search_terms(SHARD, asked, 400, None)}
    assert_scores(index.search_terms(SHARD, asked, 400, None), expected, relative=0.02)
    fresh.close()
    index.close()
