"""The weight and threshold that suit a run's questions."""

import pytest

from zhiku.evaluation.question_store import Answer
from zhiku.evaluation.suggestion import Candidate, Pool, suggest


def pool(*candidates: Candidate) -> Pool:
    return Pool([Answer("d", "right")], candidates)


def right(vector: float, terms: float) -> Candidate:
    return Candidate(vector, terms, "right", 1.0)


def wrong(vector: float, terms: float) -> Candidate:
    return Candidate(vector, terms, f"wrong {vector} {terms}", 0.0)


def test_fewer_than_ten_questions_suggest_nothing() -> None:
    assert suggest([pool(right(1, 1))] * 9) is None


def test_the_branch_that_is_right_gets_the_weight() -> None:
    by_meaning = suggest([pool(right(0.9, 0.0), wrong(0.1, 1.0))] * 10)
    by_words = suggest([pool(right(0.0, 0.9), wrong(1.0, 0.1))] * 10)
    assert by_meaning is not None
    assert by_words is not None
    assert by_meaning.vector_weight > 0.5
    assert by_meaning.ndcg_at_10 == 1.0
    # Above 0.9 / 1.8 the wrong one is first: 0.9 (1 - w) against w + 0.1 (1 - w).
    assert by_words.vector_weight == 0.4
    assert (by_words.ndcg_at_10, by_words.default_ndcg_at_10) == (1.0, pytest.approx(0.6309, abs=1e-4))


def test_where_every_weight_does_the_default_stays() -> None:
    found = suggest([pool(right(1.0, 1.0), wrong(0.2, 0.2))] * 10)
    assert found is not None
    assert (found.vector_weight, found.ndcg_at_10) == (0.6, 1.0)


def test_the_threshold_parts_right_from_wrong() -> None:
    found = suggest([pool(right(0.8, 0.8), wrong(0.31, 0.31), wrong(0.3, 0.3))] * 10)
    assert found is not None
    assert found.score_threshold == 0.35
    assert (found.f1, found.f1_without_threshold) == (1.0, pytest.approx(0.5))


def test_what_is_told_is_measured_on_questions_it_was_not_chosen_by() -> None:
    # Only the first fold wants the terms: chosen by the others it gets the wrong weight.
    odd, usual = pool(right(0.0, 0.9), wrong(1.0, 0.0)), pool(right(0.9, 0.0), wrong(0.0, 1.0))
    found = suggest([odd if number % 5 == 0 else usual for number in range(20)])
    assert found is not None
    assert found.ndcg_at_10 == pytest.approx((16 + 4 * 0.6309) / 20, abs=1e-4)


def test_a_unit_counts_at_its_best_segment() -> None:
    doubled = Pool([Answer("d")], [Candidate(0.9, 0.9, "x", 0.0), Candidate(0.8, 0.8, "x", 0.0), right(0.7, 0.7)])
    found = suggest([doubled] * 10)
    assert found is not None
    assert found.ndcg_at_10 == pytest.approx(0.6309, abs=1e-4)


def test_only_the_first_ten_records_count_as_in_an_evaluation() -> None:
    crowd = [Candidate(0.9, 0.9, "x", 0.0) for _ in range(10)]
    found = suggest([pool(*crowd, right(0.5, 0.5))] * 10)
    assert found is not None
    assert found.ndcg_at_10 == 0.0
