"""A rebuild makes from the catalog just the postings that should answer, and says what went wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.index_suite import DIMENSION, direction, make_posting, numbers, without_vector, words
from tests.unit.indexes.catalog_rows import BASIS, Catalog
from zhiku.db.engine import Database
from zhiku.indexes.base import Posting, Shard, ShardState
from zhiku.indexes.edge import EdgeIndex
from zhiku.indexes.memory import MemoryIndex
from zhiku.indexes.rebuild import BuildFailed, BuildReport, build_shard, fill_shard, is_rebuild_due, start_build

SHARD = Shard("d1", generation=2, dimension=DIMENSION, average_length=2.0)
ENOUGH_SECONDS = 120.0


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path)
    catalog.add_dataset("d1")
    catalog.add_document("d1", 1)
    yield catalog
    catalog.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def index(root: Path) -> Iterator[EdgeIndex]:
    index = EdgeIndex(root)
    yield index
    index.close()


def make_postings(count: int, first: int = 1, document: int = 1) -> list[Posting]:
    return [make_posting(n, document, {7: 1, 1000 + n: 1}, [7, 1000 + n]) for n in range(first, first + count)]


def build(catalog: Catalog, root: Path, shard: Shard = SHARD) -> BuildReport:
    return build_shard(catalog.url, root, shard, BASIS, lambda _read, _expected: None)


def test_a_built_shard_answers_like_one_that_was_put(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    postings = make_postings(2500)
    catalog.add_postings("d1", postings)
    report = build(catalog, root)
    assert (report.postings, report.without_vector, report.has_graph) == (2500, 0, False)
    put = Shard("d1", 1, DIMENSION, 2.0)
    index.put(put, postings)
    for query in (direction(1), direction(0, 1, 2)):
        built_hits, put_hits = (index.search_vector(shard, query, 10, None) for shard in (SHARD, put))
        assert numbers(built_hits) == numbers(put_hits)
        assert [hit.score for hit in built_hits] == pytest.approx([hit.score for hit in put_hits], abs=1e-6)
    asked = words(7, 1042)
    assert numbers(index.search_terms(SHARD, asked, 1, None)) == [42]
    assert index.search_terms(SHARD, asked, 1, None)[0].score == pytest.approx(
        index.search_terms(put, asked, 1, None)[0].score
    )
    assert numbers(index.search_keywords(SHARD, words(1042), 5, None)) == [42]
    assert index.list_numbers(SHARD) == index.list_numbers(put)
    assert index.list_generations("d1") == [1, 2]


def test_the_state_of_a_built_shard_tells_what_came_after(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    catalog.add_postings("d1", make_postings(300))
    build(catalog, root)
    assert index.state(SHARD) == ShardState(postings=300, dead=0, unoptimised=0)
    index.put(SHARD, make_postings(20, first=301))
    index.delete(SHARD, range(1, 11))
    index.put(SHARD, make_postings(5, first=100))
    assert index.state(SHARD) == ShardState(postings=310, dead=15, unoptimised=25)


def test_a_shard_with_a_graph_finds_the_same_nearest(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    postings = make_postings(1500)
    catalog.add_postings("d1", postings)
    assert build_shard(catalog.url, root, SHARD, BASIS, lambda _read, _expected: None, graph_from=1500).has_graph
    assert index.state(SHARD) == ShardState(postings=1500, dead=0, unoptimised=0)
    exact = MemoryIndex()
    exact.put(SHARD, postings)
    for query in (direction(1), direction(0, 1, 2), direction(-1, 0, 1)):
        assert numbers(index.search_vector(SHARD, query, 5, None)) == numbers(
            exact.search_vector(SHARD, query, 5, None)
        )


def test_only_live_content_is_built_whatever_the_switches_of_its_document(
    catalog: Catalog, root: Path, index: EdgeIndex
) -> None:
    catalog.add_document("d1", 2, is_enabled=False)
    catalog.add_document("d1", 3, is_archived=True)
    catalog.add_document("d1", 4, live_generation=0)
    catalog.add_document("d1", 5, generation=2)
    catalog.add_dataset("d2")
    catalog.add_document("d2", 6)
    catalog.add_postings("d1", make_postings(2))
    catalog.add_postings("d1", make_postings(1, first=10), is_enabled=False)
    catalog.add_postings("d1", make_postings(1, first=11), status="indexing")
    for document in (2, 3, 4):
        catalog.add_postings("d1", make_postings(1, first=document * 10, document=document))
    catalog.add_postings("d1", make_postings(1, first=50, document=5))
    catalog.add_postings("d1", make_postings(1, first=51, document=5), generation=2)
    catalog.add_postings("d2", make_postings(1, first=60, document=6))
    build(catalog, root)
    assert index.list_numbers(SHARD) == [1, 2, 20, 30, 50]


def test_a_posting_without_its_embedding_is_built_and_counted(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    catalog.add_postings("d1", [make_posting(1, counts={7: 1}), without_vector(make_posting(2, counts={7: 1}))])
    assert build(catalog, root).without_vector == 1
    assert numbers(index.search_terms(SHARD, words(7), 5, None)) == [1, 2]
    assert numbers(index.search_vector(SHARD, direction(1), 5, None)) == [1]
    assert index.state(SHARD).postings == 2


def test_an_economy_shard_is_built_without_vectors(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    economy = Shard("d1", 2, 0, 2.0)
    catalog.add_postings("d1", make_postings(3))
    assert build(catalog, root, economy).without_vector == 0
    assert numbers(index.search_keywords(economy, words(7), 5, None)) == [1, 2, 3]
    index.put(economy, [without_vector(make_posting(4, counts={7: 1}))])
    assert index.state(economy) == ShardState(postings=4, dead=0, unoptimised=0)


def test_an_empty_dataset_becomes_an_empty_shard(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    assert build(catalog, root).postings == 0
    assert index.list_generations("d1") == [2]
    assert index.search_vector(SHARD, direction(1), 5, None) == []
    index.put(SHARD, make_postings(1))
    assert index.list_numbers(SHARD) == [1]


def test_a_generation_that_exists_is_never_built_over(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    index.put(SHARD, make_postings(1))
    with pytest.raises(BuildFailed, match="exists"):
        build(catalog, root)
    assert index.list_numbers(SHARD) == [1]


def test_half_a_build_is_no_generation_and_no_hindrance(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    half = root / "d1" / "2.building"
    (half / "segments").mkdir(parents=True)
    assert index.list_generations("d1") == []
    catalog.add_postings("d1", make_postings(1))
    assert build(catalog, root).postings == 1
    assert not half.exists()


def test_a_build_in_a_child_process_reports_and_leaves_a_shard_to_open(
    catalog: Catalog, root: Path, index: EdgeIndex
) -> None:
    catalog.add_postings("d1", make_postings(50))
    build = start_build(catalog.url, root, SHARD, BASIS)
    report = build.wait(ENOUGH_SECONDS)
    assert report.postings == build.read == build.expected == 50
    assert not build.is_running
    assert numbers(index.search_terms(SHARD, words(1042), 5, None)) == [42]


def test_a_failed_child_says_why_and_leaves_nothing(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    index.put(SHARD, make_postings(1))
    with pytest.raises(BuildFailed, match="exists already"):
        start_build(catalog.url, root, SHARD, BASIS).wait(ENOUGH_SECONDS)
    empty_catalog = f"sqlite:///{root / 'other' / 'catalog.sqlite3'}"
    with pytest.raises(BuildFailed, match="no such table"):
        start_build(empty_catalog, root, Shard("d1", 3, 0, 1.0), BASIS).wait(ENOUGH_SECONDS)
    assert index.list_generations("d1") == [2]


def test_a_build_that_takes_too_long_is_stopped(catalog: Catalog, root: Path, index: EdgeIndex) -> None:
    build = start_build(catalog.url, root, SHARD, BASIS)
    with pytest.raises(BuildFailed, match="not done after 0 s"):
        build.wait(0.0)
    assert not build.is_running
    assert index.list_generations("d1") == []


def test_any_index_can_be_filled_from_the_catalog(catalog: Catalog) -> None:
    catalog.add_postings("d1", make_postings(40))
    database, index = Database(catalog.url), MemoryIndex()
    report = fill_shard(database, index, SHARD, BASIS)
    database.close()
    assert report.postings == 40
    assert index.list_numbers(SHARD) == list(range(1, 41))
    assert numbers(index.search_vector(SHARD, direction(1), 5, None))


@pytest.mark.parametrize(
    ("state", "is_due"),
    [
        (ShardState(postings=5_000, dead=0, unoptimised=5_000), False),
        (ShardState(postings=5_001, dead=0, unoptimised=5_001), True),
        (ShardState(postings=100_000, dead=0, unoptimised=20_000), False),
        (ShardState(postings=100_000, dead=0, unoptimised=20_001), True),
        (ShardState(postings=100, dead=1_000, unoptimised=0), False),
        (ShardState(postings=100, dead=1_001, unoptimised=0), True),
        (ShardState(postings=100_000, dead=30_000, unoptimised=0), False),
    ],
)
def test_a_rebuild_is_due_when_enough_is_unoptimised_or_dead(state: ShardState, is_due: bool) -> None:
    assert is_rebuild_due(state) is is_due
