"""What a question met on its way, worked out from the notes of the index it asked (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from zhiku.indexes.base import Hit, Searches
from zhiku.providers.base import Vectors
from zhiku.retrieval.explain_store import Standing
from zhiku.retrieval.fuse import fuse_hits
from zhiku.retrieval.plan import Branch, BranchKind, Plan
from zhiku.retrieval.reasons import Fate, bar_of
from zhiku.retrieval.rerank import cut_hits
from zhiku.retrieval.schemas import Record
from zhiku.retrieval.search import calibrated
from zhiku.retrieval.watch import Search

_NOT_ASKED = Search(0, [], 0.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was asked: the plan, the query's vector, and the cosine that means "unrelated".

    `full_scores` says what a score of 1 is in each search's own figures: a cosine, a sum of BM25, a sum of idf.
    """

    plan: Plan
    index: Searches
    vector: Vectors | None
    floor: float
    full_scores: Mapping[BranchKind, float]


@dataclass(frozen=True)
class Sight:
    """What the steps of a retrieval saw.

    `searches` are those of the plan's branches, in its order, with the index's own scores; `branches` the same with
    scores; `kept` is what the threshold left of `fused`, best first.
    """

    searches: list[Search]
    branches: list[Branch]
    fused: list[Hit]
    kept: list[Hit]

    @cached_property
    def scores(self) -> list[dict[int, float]]:
        """Return each branch's scores by posting."""
        return [{hit.number: hit.score for hit in branch.hits} for branch in self.branches]


def see(asked: Asked, noted: Mapping[BranchKind, Search]) -> Sight:
    """Return what was seen on the way, by the searches that an index noted."""
    plan = asked.plan
    searches = [noted.get(planned.kind, _NOT_ASKED) for planned in plan.branches]
    branches = [
        Branch(planned, calibrated(search.hits, asked.floor) if planned.kind == "vector" else search.hits)
        for planned, search in zip(plan.branches, searches, strict=True)
    ]
    fused = fuse_hits(branches)
    return Sight(searches, branches, fused, cut_hits(plan, fused))


def rank_segments(hits: Sequence[Hit], standings: Mapping[int, Standing]) -> list[int]:
    """Return the numbers of the segments that may answer, best first, each once, by their best hit."""
    answering = [standings[hit.number] for hit in hits if hit.number in standings]
    return list(dict.fromkeys(each.segment_number for each in answering if bar_of(each) is None))


def fates(
    hits: Sequence[Hit], threshold: float, standings: Mapping[int, Standing], records: Sequence[Record]
) -> list[Fate]:
    """Return what became of each fused hit, in their order."""
    answers = {record.segment.number for record in records}
    merged: set[int] = set()
    found: list[Fate] = []
    for hit in hits:
        standing = standings.get(hit.number)
        if hit.score < threshold:
            found.append("below_threshold")
        elif standing is None:
            found.append("deleted")
        elif standing.segment_number in merged:
            found.append("merged")
        elif standing.segment_number in answers:
            merged.add(standing.segment_number)
            found.append("answer")
        else:
            found.append(bar_of(standing) or "beyond_top_k")
    return found
