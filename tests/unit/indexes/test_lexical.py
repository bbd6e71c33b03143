"""BM25's arithmetic against figures computed by hand."""

import math

import numpy as np
import pytest

from zhiku.indexes.base import Terms
from zhiku.indexes.lexical import FULL_WEIGHT, having, idf, query_words, term_weights


def make_terms(*counts: int) -> Terms:
    return Terms(np.arange(1, len(counts) + 1, dtype=np.uint32), np.array(counts, dtype=np.uint32))


def test_a_text_of_average_length_weighs_a_word_by_saturation_alone() -> None:
    assert term_weights([make_terms(1, 2, 3)], 6.0) == [pytest.approx([1.0, 4.4 / 3.2, 6.6 / 4.2])]


def test_a_longer_text_weighs_less_and_a_shorter_one_more() -> None:
    [longer], [shorter] = [[weights[0]] for weights in term_weights([make_terms(1, 19), make_terms(1)], 10.0)]
    assert longer == pytest.approx(2.2 / (1 + 1.2 * 1.75))
    assert shorter == pytest.approx(2.2 / (1 + 1.2 * 0.325))


def test_texts_without_words_keep_their_places() -> None:
    weights = term_weights([make_terms(), make_terms(1), make_terms(), make_terms(1, 1), make_terms()], 1.0)
    assert [len(each) for each in weights] == [0, 1, 0, 2, 0]
    assert term_weights([], 1.0) == []


def test_no_count_reaches_the_full_weight() -> None:
    [[weight]] = term_weights([make_terms(2**32 - 1)], 1e12)
    assert 0 < weight <= FULL_WEIGHT


def test_idf_is_positive_even_for_a_word_of_every_posting() -> None:
    assert idf(10, 10) == pytest.approx(math.log(0.5 / 10.5 + 1))
    assert idf(0, 0) > 0
    assert idf(10, 0) > idf(10, 1) > idf(10, 10) > 0


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_having_reads_idf_backwards(count: int) -> None:
    assert having(1000, idf(1000, count)) == pytest.approx(count, abs=1e-6)


def test_query_words_are_distinct_in_order_and_never_the_mark() -> None:
    assert query_words(np.array([5, 0, 3, 5, 2**32 - 1], dtype=np.uint32)) == [5, 3, 2**32 - 1]
