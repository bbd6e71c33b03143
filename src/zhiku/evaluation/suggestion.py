"""The weight and the threshold that suit a dataset's questions best, by cross-validation (pure).

What both branches of a hybrid search bring is kept for every question, so that any weight can be tried without another
search. The questions are dealt into folds, and on each is measured what is best on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from zhiku.evaluation.measures import DEPTH, Unit, mean, measure
from zhiku.evaluation.question_store import Answer
from zhiku.retrieval.plan import DEFAULT_VECTOR_WEIGHT

MIN_QUESTIONS = 10
"""With fewer the choice is chance."""

FOLDS = 5
STEPS = 20
WEIGHTS = tuple(step / STEPS for step in range(STEPS + 1))
THRESHOLDS = WEIGHTS[:-1]
_DEFAULT = min(range(len(WEIGHTS)), key=lambda choice: abs(WEIGHTS[choice] - DEFAULT_VECTOR_WEIGHT))


class Candidate(msgspec.Struct, frozen=True, array_like=True):
    """A segment that a branch brought, with both branches' scores in [0, 1] and what it counts as."""

    vector: float
    terms: float
    key: str
    grade: float


@dataclass(frozen=True, slots=True)
class Pool:
    """A question's answers and all candidates."""

    answers: Sequence[Answer]
    candidates: Sequence[Candidate]


class Suggestion(msgspec.Struct, frozen=True):
    """What suits the questions best, and what that is worth on questions it was not chosen by.

    `ndcg_at_10` is with the weight, `default_ndcg_at_10` with Zhiku's own; `f1` compares what is left above the
    threshold to the answers, `f1_without_threshold` all ten records.
    """

    vector_weight: float
    ndcg_at_10: float
    default_ndcg_at_10: float
    score_threshold: float
    f1: float
    f1_without_threshold: float


def suggest(pools: Sequence[Pool]) -> Suggestion | None:
    """Return the suggestion of a run's questions, None if there are too few."""
    if len(pools) < MIN_QUESTIONS:
        return None
    by_weight = [[_ndcg(pool, weight) for pool in pools] for weight in WEIGHTS]
    weight, ndcg = _choose(by_weight, _DEFAULT)
    rankings = [_ranking(pool, WEIGHTS[weight]) for pool in pools]
    by_threshold = [
        [_f1(pool, ranking, threshold) for pool, ranking in zip(pools, rankings, strict=True)]
        for threshold in THRESHOLDS
    ]
    threshold, f1 = _choose(by_threshold, 0)
    return Suggestion(
        vector_weight=WEIGHTS[weight],
        ndcg_at_10=ndcg,
        default_ndcg_at_10=mean(by_weight[_DEFAULT]),
        score_threshold=THRESHOLDS[threshold],
        f1=f1,
        f1_without_threshold=mean(by_threshold[0]),
    )


def _choose(figures: Sequence[Sequence[float]], default: int) -> tuple[int, float]:
    """Return the best choice by all questions, and what choosing so is worth by cross-validation.

    `figures` has a row for each choice and a column for each question; of equal choices the one next to `default` wins.
    """
    count = len(figures[0])
    everything = range(count)
    held_out: list[float] = []
    for fold in range(FOLDS):
        others = [column for column in everything if column % FOLDS != fold]
        best = _best(figures, others, default)
        held_out += [figures[best][column] for column in everything if column % FOLDS == fold]
    return _best(figures, everything, default), mean(held_out)


def _best(figures: Sequence[Sequence[float]], columns: Sequence[int], default: int) -> int:
    def value(choice: int) -> tuple[float, int]:
        # Sums of the same terms in another order differ in the last digits.
        return round(sum(figures[choice][column] for column in columns), 9), -abs(choice - default)

    return max(range(len(figures)), key=value)


def _ranking(pool: Pool, weight: float) -> list[tuple[float, Unit]]:
    """Return the distinct units of the first ten records at a weight with their scores, best first.

    A branch that lacks a record counts as 0 for it.
    """
    scored = [(weight * each.vector + (1 - weight) * each.terms, each) for each in pool.candidates]
    first = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: -pair[0])[:DEPTH]
    best: dict[str, tuple[float, Unit]] = {}
    for score, candidate in first:
        best.setdefault(candidate.key, (score, Unit(candidate.key, candidate.grade)))
    return list(best.values())


def _ndcg(pool: Pool, weight: float) -> float:
    return measure(pool.answers, [unit for _, unit in _ranking(pool, weight)], DEPTH).ndcg_at_10


def _f1(pool: Pool, ranking: Sequence[tuple[float, Unit]], threshold: float) -> float:
    kept = [unit for score, unit in ranking if score >= threshold]
    right = sum(unit.grade > 0 for unit in kept)
    wanted = min(len(pool.answers), DEPTH)
    return 2 * right / (len(kept) + wanted)
