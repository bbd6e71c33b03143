"""What every index must do, whatever it is made of."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from zhiku.indexes.base import Hit, Index, Posting, Scope, Shard, Terms
from zhiku.indexes.lexical import idf

DIMENSION = 8
SHARD = Shard("d1", generation=1, dimension=DIMENSION, average_length=6.0)
ECONOMY = Shard("d2", generation=1, dimension=0, average_length=6.0)

Search = Callable[[Scope | None, int], list[Hit]]


def make_terms(counts: dict[int, int]) -> Terms:
    """Return the words with how often each occurs."""
    return Terms(np.array(list(counts), dtype=np.uint32), np.array(list(counts.values()), dtype=np.uint32))


def words(*hashes: int) -> NDArray[np.uint32]:
    """Return word hashes as a query has them."""
    return np.array(hashes, dtype=np.uint32)


def make_posting(
    number: int,
    document: int = 1,
    counts: dict[int, int] | None = None,
    keywords: Sequence[int] = (),
    vector: Sequence[float] | None = None,
) -> Posting:
    """Return a posting; without a vector given it has one of its own that depends on its number."""
    unit = direction(*(np.random.default_rng(number).standard_normal(DIMENSION) if vector is None else vector))
    return Posting(number, document, make_terms(counts or {}), words(*keywords), unit)


def without_vector(posting: Posting) -> Posting:
    """Return the posting as an economy dataset has it."""
    return Posting(posting.number, posting.document, posting.terms, posting.keywords, None)


def numbers(hits: Sequence[Hit]) -> list[int]:
    """Return the hits' numbers in their order."""
    return [hit.number for hit in hits]


def assert_scores(hits: Sequence[Hit], expected: dict[int, float], *, relative: float = 1e-4) -> None:
    """Check that just these numbers were found, with about these scores."""
    assert {hit.number: hit.score for hit in hits} == pytest.approx(expected, rel=relative)


def direction(*values: float) -> NDArray[np.float32]:
    """Return a unit vector that begins with these values."""
    padded = np.zeros(DIMENSION, dtype=np.float32)
    padded[: len(values)] = values
    return (padded / np.linalg.norm(padded)).astype(np.float32)


class IndexSuite:
    """Subclass it with a fixture `index` that yields an empty one."""

    @pytest.fixture
    def index(self) -> Index:
        raise NotImplementedError

    @pytest.fixture(params=["vector", "terms", "keywords"])
    def search(self, request: pytest.FixtureRequest, index: Index) -> Search:
        """Each of the three searches over ten postings of five documents, all of which it finds."""
        index.put(SHARD, [make_posting(n, (n + 1) // 2, {7: n, 100 + n: 1}, [7, 100 + n]) for n in range(1, 11)])
        searches: dict[str, Search] = {
            "vector": lambda scope, limit: index.search_vector(SHARD, direction(1, 2), limit, scope),
            "terms": lambda scope, limit: index.search_terms(SHARD, words(7), limit, scope),
            "keywords": lambda scope, limit: index.search_keywords(SHARD, words(7, 103), limit, scope),
        }
        return searches[request.param]

    def test_a_shard_nobody_made_is_empty_to_every_reader(self, index: Index) -> None:
        assert index.search_vector(SHARD, direction(1), 5, None) == []
        assert index.search_terms(SHARD, words(7), 5, None) == []
        assert index.search_keywords(SHARD, words(7), 5, None) == []
        assert index.list_numbers(SHARD) == []
        assert index.state(SHARD).postings == 0
        index.delete(SHARD, [1])
        index.delete_documents(SHARD, [1])
        index.drop_generation("d1", 1)
        index.drop("d1")
        assert index.list_generations("d1") == []

    def test_a_shard_whose_postings_are_all_deleted_answers_nothing(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}, keywords=[7])])
        index.delete(SHARD, [1])
        assert index.search_vector(SHARD, direction(1), 5, None) == []
        assert index.search_terms(SHARD, words(7), 5, None) == []
        assert index.search_keywords(SHARD, words(7), 5, None) == []
        assert index.state(SHARD).postings == 0

    def test_a_posting_is_found_as_soon_as_it_is_put(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}, keywords=[9])])
        assert numbers(index.search_vector(SHARD, direction(1), 5, None)) == [1]
        assert numbers(index.search_terms(SHARD, words(7), 5, None)) == [1]
        assert numbers(index.search_keywords(SHARD, words(9), 5, None)) == [1]
        assert index.list_numbers(SHARD) == [1]

    def test_words_and_keywords_are_apart(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}, keywords=[9])])
        assert index.search_terms(SHARD, words(9), 5, None) == []
        assert index.search_keywords(SHARD, words(7), 5, None) == []

    def test_putting_a_number_again_replaces_all_of_it(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, 1, {7: 1}, [7], [1]), make_posting(2, 1, {8: 1}, [8], [0, 1])])
        index.put(SHARD, [make_posting(1, 2, {9: 1}, [9], [-1])])
        assert index.search_terms(SHARD, words(7), 5, None) == []
        assert index.search_keywords(SHARD, words(7), 5, None) == []
        assert numbers(index.search_terms(SHARD, words(9), 5, Scope(frozenset({2}), False))) == [1]
        assert_scores(index.search_vector(SHARD, direction(-1), 1, None), {1: 1.0})
        assert index.list_numbers(SHARD) == [1, 2]

    def test_a_replaced_posting_can_lose_its_words_and_its_vector(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}, keywords=[7]), make_posting(2, counts={7: 1}, keywords=[7])])
        index.put(SHARD, [without_vector(make_posting(1))])
        assert numbers(index.search_vector(SHARD, direction(1), 5, None)) == [2]
        assert numbers(index.search_terms(SHARD, words(7), 5, None)) == [2]
        assert numbers(index.search_keywords(SHARD, words(7), 5, None)) == [2]
        assert index.list_numbers(SHARD) == [1, 2]

    def test_a_number_that_comes_twice_in_a_put_counts_as_its_last(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}), make_posting(1, counts={8: 1})])
        assert index.search_terms(SHARD, words(7), 5, None) == []
        assert numbers(index.search_terms(SHARD, words(8), 5, None)) == [1]

    def test_deleting_removes_the_named_postings_and_ignores_unknown_ones(self, index: Index) -> None:
        index.put(SHARD, [make_posting(n, counts={7: 1}, keywords=[7]) for n in (1, 2, 3)])
        index.delete(SHARD, [2, 99])
        assert index.list_numbers(SHARD) == [1, 3]
        assert sorted(numbers(index.search_vector(SHARD, direction(1), 5, None))) == [1, 3]
        assert numbers(index.search_terms(SHARD, words(7), 5, None)) == [1, 3]
        assert numbers(index.search_keywords(SHARD, words(7), 5, None)) == [1, 3]

    def test_deleting_documents_removes_all_their_postings_and_no_other(self, index: Index) -> None:
        index.put(SHARD, [make_posting(n, document=n % 3, counts={7: 1}) for n in range(1, 10)])
        index.delete_documents(SHARD, [1, 2, 77])
        assert index.list_numbers(SHARD) == [3, 6, 9]
        assert numbers(index.search_terms(SHARD, words(7), 20, None)) == [3, 6, 9]

    def test_putting_deleting_and_asking_for_nothing_changes_nothing(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}, keywords=[7])])
        index.put(SHARD, [])
        index.delete(SHARD, [])
        index.delete_documents(SHARD, [])
        assert index.list_numbers(SHARD) == [1]
        assert index.search_terms(SHARD, words(), 5, None) == []
        assert index.search_keywords(SHARD, words(), 5, None) == []
        assert index.search_vector(SHARD, direction(1), 0, None) == []
        assert index.search_terms(SHARD, words(7), 0, None) == []

    def test_hits_come_best_first_and_no_more_than_asked_for(self, search: Search) -> None:
        every = search(None, 50)
        assert len(every) == 10
        assert [hit.score for hit in every] == sorted((hit.score for hit in every), reverse=True)
        few = search(None, 3)
        assert [hit.score for hit in few] == pytest.approx([hit.score for hit in every[:3]])

    def test_hits_of_equal_score_come_by_number_every_time(self, index: Index) -> None:
        shuffled = [5, 3, 9, 1, 7]
        index.put(SHARD, [make_posting(n, counts={7: 2, n + 50: 1}, keywords=[7], vector=[1, 1]) for n in shuffled])
        for _ in range(3):
            assert numbers(index.search_terms(SHARD, words(7), 9, None)) == [1, 3, 5, 7, 9]
            assert numbers(index.search_keywords(SHARD, words(7), 9, None)) == [1, 3, 5, 7, 9]
            assert numbers(index.search_vector(SHARD, direction(1), 9, None)) == [1, 3, 5, 7, 9]

    def test_a_scope_lets_only_its_documents_answer(self, search: Search) -> None:
        assert sorted(numbers(search(Scope(frozenset({2, 5, 99}), False), 50))) == [3, 4, 9, 10]
        assert search(Scope(frozenset(), False), 50) == []
        assert search(Scope(frozenset({99}), False), 50) == []

    def test_a_complement_lets_all_other_documents_answer(self, search: Search) -> None:
        assert sorted(numbers(search(Scope(frozenset({2, 5, 99}), True), 50))) == [1, 2, 5, 6, 7, 8]
        assert sorted(numbers(search(Scope(frozenset(), True), 50))) == list(range(1, 11))
        assert search(Scope(frozenset({1, 2, 3, 4, 5}), True), 50) == []

    def test_a_scope_changes_no_score_and_cuts_after_it_has_chosen(self, search: Search) -> None:
        scores = {hit.number: hit.score for hit in search(None, 50)}
        for scope in (
            Scope(frozenset({1, 4}), False),
            Scope(frozenset({1, 4}), True),
            Scope(frozenset({1, 2, 3, 4}), True),
        ):
            allowed = {n for n in scores if ((n + 1) // 2 in scope.documents) != scope.is_complement}
            best = sorted((scores[n] for n in allowed), reverse=True)[:2]
            hits = search(scope, 2)
            assert [hit.score for hit in hits] == pytest.approx(best)
            assert set(numbers(hits)) <= allowed

    def test_vector_scores_are_cosines_also_below_zero(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, vector=[1]), make_posting(2, vector=[1, 1]), make_posting(3, vector=[-1])])
        hits = index.search_vector(SHARD, direction(1), 5, None)
        assert numbers(hits) == [1, 2, 3]
        assert [hit.score for hit in hits] == pytest.approx([1.0, math.sqrt(0.5), -1.0], abs=1e-6)

    def test_term_scores_are_bm25_as_a_share_of_all_words_at_full_weight(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 3, 50: 3}), make_posting(2, counts={7: 1, 8: 1, 60: 10})])
        one, two = math.log(0.5 / 2.5 + 1), math.log(1.5 / 1.5 + 1)
        unknown = math.log(2.5 / 0.5 + 1)

        def weight(count: int, length: int) -> float:
            return count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / SHARD.average_length))

        full = 2.2 * (one + two + unknown)
        expected = {1: one * weight(3, 6) / full, 2: (one * weight(1, 12) + two * weight(1, 12)) / full}
        hits = index.search_terms(SHARD, words(7, 8, 9), 5, None)
        assert_scores(hits, expected)

    def test_keyword_scores_are_the_share_of_the_querys_idf(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, keywords=[7, 8, 9]), make_posting(2, keywords=[7]), make_posting(3)])
        seven, eight, unknown = math.log(1.5 / 2.5 + 1), math.log(2.5 / 1.5 + 1), math.log(3.5 / 0.5 + 1)
        full = seven + eight + unknown
        hits = index.search_keywords(SHARD, words(8, 7, 10), 5, None)
        assert_scores(hits, {1: (seven + eight) / full, 2: seven / full})
        assert_scores(index.search_keywords(SHARD, words(7, 8), 1, None), {1: 1.0})

    def test_words_weigh_what_the_searches_count_with(self, index: Index) -> None:
        index.put(SHARD, [make_posting(n, counts={7: 1, 100 + n: 2}, keywords=[9] if n < 3 else []) for n in (1, 2, 3)])
        common, rare, unknown = index.weigh_words(SHARD, words(7, 102, 999), is_keywords=False)
        assert [common.postings, rare.postings, unknown.postings] == [3, 1, 0]
        assert common.idf < rare.idf < unknown.idf
        assert [common.idf, rare.idf] == pytest.approx([idf(3, 3), idf(3, 1)], rel=1e-3)
        (keyword,) = index.weigh_words(SHARD, words(9), is_keywords=True)
        assert (keyword.postings, keyword.idf) == (2, pytest.approx(idf(3, 2), rel=1e-3))
        assert index.weigh_words(SHARD, words(), is_keywords=False) == []
        assert [each.postings for each in index.weigh_words(ECONOMY, words(7), is_keywords=True)] == [0]

    def test_a_word_asked_for_twice_counts_once(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}), make_posting(2, counts={8: 1})])
        once = index.search_terms(SHARD, words(7, 8), 5, None)
        assert index.search_terms(SHARD, words(7, 8, 7, 7), 5, None) == once

    def test_scores_follow_the_shard_as_it_changes(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1}), make_posting(2, counts={8: 1})])
        before = index.search_terms(SHARD, words(7, 9), 1, None)[0].score
        index.put(SHARD, [make_posting(3, counts={9: 1})])
        after = index.search_terms(SHARD, words(7, 9), 5, None)
        assert numbers(after) == [1, 3]
        assert after[0].score == pytest.approx(after[1].score)
        assert after[0].score > before

    def test_deleted_postings_no_longer_count_in_a_small_shard(self, index: Index) -> None:
        common = [make_posting(n, counts={7: 1, 8: 1}) for n in range(1, 5)]
        index.put(SHARD, [*common, make_posting(10, counts={8: 1})])
        expected = index.search_terms(SHARD, words(7, 8), 1, None)
        index.put(SHARD, [make_posting(n, counts={9: 1}) for n in range(20, 40)])
        index.put(SHARD, [make_posting(10, counts={8: 1})])
        index.delete(SHARD, range(20, 40))
        assert_scores(index.search_terms(SHARD, words(7, 8), 1, None), {expected[0].number: expected[0].score})

    def test_extreme_hashes_and_numbers_are_kept(self, index: Index) -> None:
        top = 2**32 - 1
        number, document = 2**40, 2**41
        index.put(SHARD, [make_posting(number, document, {top: 2**31}, [top]), make_posting(1, 2, {5: 1})])
        assert numbers(index.search_terms(SHARD, words(top), 5, None)) == [number]
        assert numbers(index.search_keywords(SHARD, words(top), 5, Scope(frozenset({document}), False))) == [number]
        assert 0 < index.search_terms(SHARD, words(top), 5, None)[0].score <= 1

    def test_hash_zero_is_no_word(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={0: 1, 7: 1}, keywords=[0, 7])])
        assert index.search_terms(SHARD, words(0), 5, None) == []
        assert index.search_keywords(SHARD, words(0), 5, None) == []
        assert numbers(index.search_terms(SHARD, words(0, 7), 5, None)) == [1]

    def test_an_unknown_average_length_still_ranks_by_count(self, index: Index) -> None:
        shard = Shard("d3", 1, DIMENSION, 0.0)
        index.put(shard, [make_posting(1, counts={7: 1}), make_posting(2, counts={7: 5})])
        assert numbers(index.search_terms(shard, words(7), 5, None)) == [2, 1]

    def test_an_economy_shard_has_words_and_no_vectors(self, index: Index) -> None:
        index.put(ECONOMY, [without_vector(make_posting(1, counts={7: 1}, keywords=[7]))])
        assert numbers(index.search_terms(ECONOMY, words(7), 5, None)) == [1]
        assert numbers(index.search_keywords(ECONOMY, words(7), 5, None)) == [1]
        assert index.search_vector(ECONOMY, direction(1), 5, None) == []

    def test_datasets_and_generations_are_apart(self, index: Index) -> None:
        newer = Shard("d1", 2, DIMENSION, 6.0)
        other = Shard("d9", 1, DIMENSION, 6.0)
        for shard, number in ((SHARD, 1), (newer, 2), (other, 3)):
            index.put(shard, [make_posting(number, counts={7: 1})])
        index.delete(newer, [1])
        for shard, number in ((SHARD, 1), (newer, 2), (other, 3)):
            assert numbers(index.search_terms(shard, words(7), 5, None)) == [number]
        assert index.list_generations("d1") == [1, 2]
        index.drop_generation("d1", 1)
        assert index.list_generations("d1") == [2]
        assert index.list_numbers(SHARD) == []
        assert index.list_numbers(newer) == [2]
        assert index.list_numbers(other) == [3]

    def test_dropping_a_dataset_removes_its_generations_and_no_other_dataset(self, index: Index) -> None:
        newer, other = Shard("d1", 2, DIMENSION, 6.0), Shard("d9", 1, DIMENSION, 6.0)
        for shard in (SHARD, newer, other):
            index.put(shard, [make_posting(1, counts={7: 1})])
        index.drop("d1")
        assert index.list_generations("d1") == []
        assert index.search_terms(SHARD, words(7), 5, None) == []
        assert index.list_numbers(newer) == []
        assert index.list_numbers(other) == [1]

    def test_a_dropped_dataset_can_be_filled_again(self, index: Index) -> None:
        index.put(SHARD, [make_posting(1, counts={7: 1})])
        index.drop("d1")
        index.put(SHARD, [make_posting(2, counts={7: 1})])
        assert index.list_numbers(SHARD) == [2]

    def test_flushing_changes_no_answer(self, index: Index) -> None:
        index.put(SHARD, [make_posting(n, counts={7: n}) for n in (1, 2)])
        before = index.search_terms(SHARD, words(7), 5, None)
        index.flush()
        assert index.search_terms(SHARD, words(7), 5, None) == before

    def test_the_state_counts_the_postings_that_can_be_found(self, index: Index) -> None:
        index.put(SHARD, [make_posting(n, document=n, counts={7: 1}) for n in (1, 2, 3)])
        index.put(SHARD, [make_posting(2, document=2, counts={7: 1})])
        index.delete_documents(SHARD, [3])
        assert index.state(SHARD).postings == 2
