"""How good a ranking is: nDCG@10, recall, reciprocal rank, and what many questions come to (pure)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from zhiku.evaluation.question_store import Answer

DEPTH = 10
"""How many units nDCG and the reciprocal rank look at."""


class Found(Protocol):
    """A segment in a ranking."""

    @property
    def document_id(self) -> str: ...

    @property
    def segment_id(self) -> str: ...

    @property
    def segment_hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """What a found segment counts as; `key` is the same for all segments that count as one, `grade` 0 for no answer."""

    key: str
    grade: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How good one ranking is, each in [0, 1]."""

    ndcg_at_10: float
    recall: float
    reciprocal_rank: float


def unit_of(answers: Sequence[Answer], found: Found) -> Unit:
    """Return what a segment counts as for a question with these answers.

    A segment that is named counts as itself. Otherwise it stands for its document where that is named as a whole, and
    where nothing but whole documents is named.
    """
    for answer in answers:
        if answer.segment_id is not None and _is_same(answer, found):
            return Unit(f"segment {answer.segment_id}", answer.grade)
    for answer in answers:
        if answer.segment_id is None and answer.document_id == found.document_id:
            return Unit(f"document {found.document_id}", answer.grade)
    if all(answer.segment_id is None for answer in answers):
        return Unit(f"document {found.document_id}", 0.0)
    return Unit(f"segment {found.segment_id}", 0.0)


def distinct(units: Sequence[Unit]) -> list[Unit]:
    """Return the units of a ranking, each at its best place."""
    return list({unit.key: unit for unit in reversed(units)}.values())[::-1] if _has_doubles(units) else list(units)


def measure(answers: Sequence[Answer], units: Sequence[Unit], k: int) -> Scores:
    """Return how good a ranking of distinct units is; `k` is how deep the recall looks.

    nDCG has linear gains: grade / log2(rank + 1), as a share of the best possible order of all answers.
    """
    grades = [unit.grade for unit in units]
    best = sorted((answer.grade for answer in answers), reverse=True)
    ideal = _gain(best[:DEPTH])
    first = next((rank for rank, grade in enumerate(grades[:DEPTH], 1) if grade > 0), None)
    return Scores(
        ndcg_at_10=_gain(grades[:DEPTH]) / ideal if ideal else 0.0,
        recall=sum(grade > 0 for grade in grades[:k]) / len(answers),
        reciprocal_rank=1 / first if first else 0.0,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed, 0 for none (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0 for no values."""
    return sum(values) / len(values) if values else 0.0


def _gain(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


def _is_same(answer: Answer, found: Found) -> bool:
    if answer.segment_id == found.segment_id:
        return True
    return answer.segment_hash == found.segment_hash and answer.document_id == found.document_id


def _has_doubles(units: Sequence[Unit]) -> bool:
    return len({unit.key for unit in units}) < len(units)
