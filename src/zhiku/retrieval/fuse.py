"""Lists of hits → one list (pure)."""

from collections.abc import Sequence

from zhiku.indexes.base import Hit
from zhiku.retrieval.plan import Branch


def fuse_hits(branches: Sequence[Branch]) -> list[Hit]:
    """Merge branches into one list, best first; equal ones in the order in which they were found.

    Each branch's scores are calibrated to [0, 1], so they mean the same for any query; they are weighted by the plan
    and added. A hit missing from a branch counts as 0 there. Source: ADR-0008.
    """
    if len(branches) == 1:
        return branches[0].hits
    scores: dict[int, float] = {}
    for branch in branches:
        weight = branch.planned.weight
        for hit in branch.hits:
            scores[hit.number] = scores.get(hit.number, 0.0) + weight * hit.score
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)
    return [Hit(number, scores[number]) for number in ranked]
