"""The segment that an explanation was asked about: how every search sees it, and why it is in the answer or not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zhiku.datasets.store import Dataset
from zhiku.errors import NotFound
from zhiku.indexes.base import Hit, Scope
from zhiku.retrieval import explain_store
from zhiku.retrieval.explain_store import Standing
from zhiku.retrieval.plan import Plan, PlannedBranch
from zhiku.retrieval.reasons import Reason, bar_of, make_reason
from zhiku.retrieval.replies import SubjectBody, SubjectBranchBody, reason_body
from zhiku.retrieval.search import calibrated, search_branches
from zhiku.retrieval.sight import Asked, Sight
from zhiku.retrieval.watch import WatchedIndex
from zhiku.runtime import Runtime

RANK_DEPTH = 1000
"""How far down a search's list the segment is looked for."""

MOST_HOOKS = 20_000
"""How many texts of its document are looked through for it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A segment to explain, its postings, and how many its document may have."""

    standing: Standing
    hooks: frozenset[int]
    document_hooks: int


@dataclass(frozen=True, slots=True)
class _Look:
    """How one search sees the subject: the raw and the real scores of its postings, and the place of the best."""

    planned: PlannedBranch
    raw: dict[int, float]
    scores: dict[int, float]
    rank: int | None
    is_candidate: bool


def find_subject(rt: Runtime, dataset: Dataset, segment_id: str) -> Subject:
    """Return the segment to explain. Raises NotFound if the dataset has none of this id."""
    with rt.db.read() as conn:
        standing = explain_store.find_standing(conn, dataset.id, segment_id.lower())
        if standing is None:
            raise NotFound("Segment not found.")
        hooks = frozenset(explain_store.list_hooks(conn, standing.segment_number))
        return Subject(standing, hooks, explain_store.count_hooks(conn, standing.document_number))


def tell_subject(subject: Subject, asked: Asked, sight: Sight, ranked: Sequence[int], answers: int) -> SubjectBody:
    """Return what is told of a segment; `ranked` are the segments that may answer, the first `answers` of them do."""
    standing = subject.standing
    is_passing = _is_inside(asked.plan.scope, standing.document_number)
    looks = _look(subject, asked, sight, is_passing=is_passing)
    fused = [hit.score for hit in sight.fused if hit.number in subject.hooks]
    score = max(fused) if fused else _would_be(looks)
    rank = ranked.index(standing.segment_number) + 1 if standing.segment_number in ranked else None
    depth = None if fused else max(search.limit for search in sight.searches)
    if bar := bar_of(standing) or (None if is_passing else "document_filtered"):
        reason = make_reason(bar)
    else:
        reason = _judge(asked.plan, score, rank, answers, depth)
    return {
        "segment_id": standing.segment_id,
        "document_id": standing.document_id,
        "document_name": standing.document_name,
        "position": standing.position,
        "rank": rank,
        "score": score,
        "branches": [_branch_body(look) for look in looks],
        "reason": reason_body(reason),
    }


def tell_unsearched(subject: Subject, reason: Reason) -> SubjectBody:
    """Return what is told of a segment where nothing was searched, for the reason given."""
    standing, bar = subject.standing, bar_of(subject.standing)
    return {
        "segment_id": standing.segment_id,
        "document_id": standing.document_id,
        "document_name": standing.document_name,
        "position": standing.position,
        "rank": None,
        "score": None,
        "branches": [],
        "reason": reason_body(make_reason(bar) if bar else reason),
    }


def _judge(plan: Plan, score: float | None, rank: int | None, answers: int, depth: int | None) -> Reason:
    """Return why a segment that may answer does or does not; `depth` is None where a search brought it."""
    if score is None:
        return make_reason("not_indexed" if plan.needs_vector else "no_shared_word")
    if score < plan.threshold:
        return make_reason("below_threshold", score=score, threshold=plan.threshold)
    if depth is not None or rank is None:
        return make_reason("not_recalled", recall=depth or plan.recall)
    if rank <= answers:
        return make_reason("answer", rank=rank, score=score)
    return make_reason("beyond_top_k", rank=rank, top_k=plan.top_k)


def _look(subject: Subject, asked: Asked, sight: Sight, *, is_passing: bool) -> list[_Look]:
    """Return how each search sees the subject: among its document's texts for its scores, among all for its place."""
    document = Scope(frozenset({subject.standing.document_number}), is_complement=False)
    depth = min(max(subject.document_hooks, 1), MOST_HOOKS)
    raw = _raw_searches(asked, document, depth)
    places = _raw_searches(asked, asked.plan.scope, RANK_DEPTH) if is_passing else [list[Hit]() for _ in raw]
    looks: list[_Look] = []
    for branch, found, listed in zip(sight.branches, raw, places, strict=True):
        own = [hit for hit in found if hit.number in subject.hooks]
        full = asked.full_scores[branch.planned.kind]
        scored = calibrated(own, asked.floor) if branch.planned.kind == "vector" else own
        rank = next((place for place, hit in enumerate(listed, 1) if hit.number in subject.hooks), None)
        looks.append(
            _Look(
                branch.planned,
                {hit.number: hit.score * full for hit in own},
                {hit.number: hit.score for hit in scored},
                rank,
                any(hit.number in subject.hooks for hit in branch.hits),
            )
        )
    return looks


def _raw_searches(asked: Asked, scope: Scope | None, depth: int) -> list[list[Hit]]:
    """Return the hits of each branch within a scope, with the index's own scores."""
    index = WatchedIndex(asked.index)
    search_branches(index, replace(asked.plan, scope=scope), asked.vector, asked.floor, depth)
    return [index.last[planned.kind].hits if planned.kind in index.last else [] for planned in asked.plan.branches]


def _is_inside(scope: Scope | None, document: int) -> bool:
    return scope is None or (document in scope.documents) != scope.is_complement


def _branch_body(look: _Look) -> SubjectBranchBody:
    best = max(look.scores, key=look.scores.__getitem__, default=None)
    return {
        "kind": look.planned.kind,
        "rank": look.rank,
        "raw_score": None if best is None else look.raw[best],
        "score": None if best is None else look.scores[best],
        "is_candidate": look.is_candidate,
    }


def _would_be(looks: Sequence[_Look]) -> float | None:
    """Return the score of the best posting if every search had brought it, None if none finds any."""
    hooks = {number for look in looks for number in look.scores}
    if not hooks:
        return None
    weights = [1.0] if len(looks) == 1 else [look.planned.weight for look in looks]
    return max(
        sum(weight * look.scores.get(hook, 0.0) for weight, look in zip(weights, looks, strict=True)) for hook in hooks
    )
