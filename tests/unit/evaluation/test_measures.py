"""Measures of a ranking against values worked out by hand."""

import math
from dataclasses import dataclass

import pytest

from zhiku.evaluation.measures import Unit, distinct, measure, percentile, unit_of
from zhiku.evaluation.question_store import Answer


@dataclass(frozen=True)
class Segment:
    document_id: str
    segment_id: str
    segment_hash: str = ""


def units(*grades: float) -> list[Unit]:
    return [Unit(str(place), grade) for place, grade in enumerate(grades)]


def answers(*grades: float) -> list[Answer]:
    return [Answer("d", f"s{place}", grade=grade) for place, grade in enumerate(grades)]


def test_ndcg_is_the_gain_as_a_share_of_the_best_order() -> None:
    # Gains 1/1 + 3/2 of a best 3/1 + 1/log2(3).
    found = measure(answers(1, 3), units(1, 0, 3), 10)
    assert found.ndcg_at_10 == pytest.approx((1 + 3 / 2) / (3 + 1 / math.log2(3)))
    assert measure(answers(1, 3), units(3, 1), 10).ndcg_at_10 == 1.0
    assert measure(answers(1), units(0, 0), 10).ndcg_at_10 == 0.0
    assert measure(answers(1), [], 10).ndcg_at_10 == 0.0


def test_ndcg_and_the_reciprocal_rank_end_at_the_tenth() -> None:
    tenth, eleventh = units(*[0] * 9, 1), units(*[0] * 10, 1)
    assert measure(answers(1), tenth, 20).ndcg_at_10 == pytest.approx(1 / math.log2(11))
    assert measure(answers(1), tenth, 20).reciprocal_rank == pytest.approx(0.1)
    assert measure(answers(1), eleventh, 20).ndcg_at_10 == 0.0
    assert measure(answers(1), eleventh, 20).reciprocal_rank == 0.0
    # Twelve answers: what is best is ten of them.
    assert measure(answers(*[1] * 12), units(*[1] * 10), 10).ndcg_at_10 == 1.0


def test_recall_is_the_share_of_the_answers_among_the_first_k() -> None:
    found = units(0, 1, 1, 0, 1)
    assert measure(answers(1, 1, 1, 1), found, 3).recall == 0.5
    assert measure(answers(1, 1, 1, 1), found, 5).recall == 0.75


def test_the_reciprocal_rank_is_that_of_the_first_answer() -> None:
    assert measure(answers(1, 1), units(0, 0, 1, 1), 10).reciprocal_rank == pytest.approx(1 / 3)


def test_a_named_segment_counts_as_itself_and_by_its_text_after_a_new_cut() -> None:
    named = [Answer("d", "s", "hash", 2.0)]
    assert unit_of(named, Segment("d", "s")) == Unit("segment s", 2.0)
    assert unit_of(named, Segment("d", "new", "hash")) == Unit("segment s", 2.0)
    assert unit_of(named, Segment("other", "new", "hash")).grade == 0.0
    assert unit_of(named, Segment("d", "new", "else")).grade == 0.0


def test_segments_of_a_whole_document_count_as_one() -> None:
    whole = [Answer("d")]
    ranking = [Segment("x", "1"), Segment("x", "2"), Segment("d", "3"), Segment("d", "4")]
    found = distinct([unit_of(whole, each) for each in ranking])
    assert found == [Unit("document x", 0.0), Unit("document d", 1.0)]
    # Beside a named segment those of other documents are judged one by one.
    mixed = [Answer("d"), Answer("e", "5", "")]
    found = distinct([unit_of(mixed, each) for each in ranking])
    assert [unit.grade for unit in found] == [0.0, 0.0, 1.0]


def test_percentiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 2.0, 4.0, 3.0]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.5)) == (3.0, 5.0, 0.0)
    assert percentile([float(value) for value in range(1, 101)], 0.95) == 95.0
