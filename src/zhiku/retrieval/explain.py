"""A retrieval with what each of its steps saw, and why a segment is in the answer or not (contract 13).

The question is asked as ever, of an index that notes what it found; what is told here is worked out from those notes by
the functions that the answer is made with, so that asking without an explanation costs nothing more.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zhiku.datasets.store import Dataset
from zhiku.errors import DatasetNotInitialized
from zhiku.indexes.base import Hit, IndexDamaged, IndexLocked
from zhiku.indexes.lexical import FULL_WEIGHT
from zhiku.retrieval import explain_store
from zhiku.retrieval.details import asked_words
from zhiku.retrieval.explain_store import Standing
from zhiku.retrieval.filters import find_scope
from zhiku.retrieval.plan import BranchKind, Plan, effective_model
from zhiku.retrieval.reasons import Fate, Reason, make_reason
from zhiku.retrieval.replies import (
    BranchBody,
    CandidateBody,
    DocumentScopeBody,
    ExplanationBody,
    FunnelBody,
    FusedBody,
    PlanBody,
    SubjectBody,
    WordBody,
    reason_body,
)
from zhiku.retrieval.schemas import Record, RetrieveRequest
from zhiku.retrieval.service import Question, find_records, plan_question
from zhiku.retrieval.sight import Asked, Sight, fates, rank_segments, see
from zhiku.retrieval.subject import Subject, find_subject, tell_subject, tell_unsearched
from zhiku.retrieval.watch import WatchedIndex
from zhiku.runtime import Runtime
from zhiku.text.words import hash_words

MOST_SHOWN = 200
"""How many candidates a list tells of; more are only counted."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The records of a question, and what each step saw."""

    records: list[Record]
    body: ExplanationBody


class _Stopwatch:
    """Milliseconds between one lap and the next."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        began, self._last = self._last, time.perf_counter()
        return (self._last - began) * 1000


@dataclass(frozen=True, slots=True)
class _Findings:
    """A question as it was asked, what its steps saw, the states of what they found, and the answer."""

    asked: Asked
    sight: Sight
    standings: Mapping[int, Standing]
    records: list[Record]

    @property
    def plan(self) -> Plan:
        return self.asked.plan


def explain(rt: Runtime, dataset: Dataset, request: RetrieveRequest, segment_id: str | None = None) -> Explained:
    """Return the answers to a question with what each step saw; no hits are counted.

    Raises what `retrieve` does, and NotFound if `segment_id` is no segment of the dataset.
    """
    subject = find_subject(rt, dataset, segment_id) if segment_id else None
    watch = _Stopwatch()
    question = plan_question(rt, dataset, request)
    plan_ms = watch.lap()
    if question is None:
        return _unplanned(rt, dataset, request, subject)
    vector = question.embed()
    embed_ms = watch.lap()
    question, scope = _scoped(rt, question)
    filter_ms = watch.lap()
    index = WatchedIndex(question.index)
    try:
        records = find_records(rt, replace(question, index=index), vector) if scope["passing"] else []
        answer_ms = watch.lap()
        floor = question.embedder.cosine_floor if question.embedder else 0.0
        words = _weigh_words(question)
        asked = Asked(question.plan, question.index, vector, floor, _full_scores(words))
        findings = _look_up(rt, asked, see(asked, index.last), records)
        told = _tell_subject(findings, subject)
    except (IndexDamaged, IndexLocked) as error:
        raise DatasetNotInitialized from error
    shown = findings.sight.fused[:MOST_SHOWN]
    lot = fates(findings.sight.fused, findings.plan.threshold, findings.standings, records)
    body: ExplanationBody = {
        "plan": _plan_body(findings.plan, effective_model(dataset, request).search_method),
        "words": words,
        "scope": scope,
        "branches": _branch_bodies(findings),
        "fused": [_fused_body(findings, rank, hit, lot[rank - 1]) for rank, hit in enumerate(shown, 1)],
        "funnel": _funnel(findings),
        "dropped": dict(Counter(fate for fate in lot if fate != "answer")),
        "timings": {
            "plan": plan_ms,
            "embed": embed_ms,
            "filter": filter_ms,
            "search": index.took_ms,
            "records": max(0.0, answer_ms - index.took_ms),
            "total": plan_ms + embed_ms + filter_ms + answer_ms,
        },
        "reason": None if records else reason_body(_why_empty(findings, scope, words)),
        "segment": told,
    }
    return Explained(records, body)


def _scoped(rt: Runtime, question: Question) -> tuple[Question, DocumentScopeBody]:
    """Return the question with its metadata conditions as a scope, and how many documents are in that."""
    conditions, dataset = question.plan.conditions, question.dataset
    with rt.db.read() as conn:
        total = explain_store.count_documents(conn, dataset.id)
        scope = find_scope(conn, dataset, conditions) if conditions is not None else None
    passing = total
    if scope is not None:
        passing = max(0, total - len(scope.documents)) if scope.is_complement else len(scope.documents)
    body: DocumentScopeBody = {
        "documents": total,
        "passing": passing,
        "conditions": conditions.model_dump() if conditions is not None else None,
    }
    return replace(question, plan=replace(question.plan, conditions=None, scope=scope)), body


def _look_up(rt: Runtime, asked: Asked, sight: Sight, records: list[Record]) -> _Findings:
    with rt.db.read() as conn:
        standings = explain_store.list_standings(conn, [hit.number for hit in sight.fused])
    return _Findings(asked, sight, standings, records)


def _tell_subject(findings: _Findings, subject: Subject | None) -> SubjectBody | None:
    if subject is None:
        return None
    ranked = _ranked(findings)
    return tell_subject(subject, findings.asked, findings.sight, ranked, len(findings.records))


def _ranked(findings: _Findings) -> list[int]:
    """Return the segments that may answer, the records first as they were ordered, ties and all."""
    answers = [record.segment.number for record in findings.records]
    return list(dict.fromkeys([*answers, *rank_segments(findings.sight.kept, findings.standings)]))


def _unplanned(rt: Runtime, dataset: Dataset, request: RetrieveRequest, subject: Subject | None) -> Explained:
    """Return what is told where nothing can answer: no document is indexed, or only images were sent."""
    reason = make_reason("nothing_indexed" if request.query else "no_words")
    with rt.db.read() as conn:
        total = explain_store.count_documents(conn, dataset.id)
    body: ExplanationBody = {
        "plan": None,
        "words": [],
        "scope": {"documents": total, "passing": total, "conditions": None},
        "branches": [],
        "fused": [],
        "funnel": {"candidates": 0, "above_threshold": 0, "may_answer": 0, "records": 0},
        "dropped": {},
        "timings": {"plan": 0.0, "embed": 0.0, "filter": 0.0, "search": 0.0, "records": 0.0, "total": 0.0},
        "reason": reason_body(reason),
        "segment": tell_unsearched(subject, reason) if subject else None,
    }
    return Explained([], body)


def _why_empty(findings: _Findings, scope: DocumentScopeBody, words: Sequence[WordBody]) -> Reason:
    plan, sight = findings.plan, findings.sight
    if not scope["passing"]:
        return make_reason("no_document_passes", documents=scope["documents"])
    if not sight.fused:
        if plan.needs_vector:
            return make_reason("nothing_indexed")
        return make_reason("no_word_found" if words else "no_words")
    if not sight.kept:
        return make_reason("best_below_threshold", score=sight.fused[0].score, threshold=plan.threshold)
    return make_reason("none_may_answer")


def _weigh_words(question: Question) -> list[WordBody]:
    """Return the question's words as they are looked up, with what they weigh in the dataset."""
    plan = question.plan
    is_keywords = any(branch.kind == "keywords" for branch in plan.branches)
    words = asked_words(plan.query, is_keywords=is_keywords)
    weights = question.index.weigh_words(plan.shard, hash_words(words), is_keywords=is_keywords)
    return [
        {"word": word, "idf": weight.idf, "postings": weight.postings}
        for word, weight in zip(words, weights, strict=True)
    ]


def _full_scores(words: Sequence[WordBody]) -> dict[BranchKind, float]:
    """Return what a score of 1 is in each search's own figures."""
    total = sum(word["idf"] for word in words)
    return {"vector": 1.0, "terms": total * FULL_WEIGHT, "keywords": total}


def _plan_body(plan: Plan, search_method: str) -> PlanBody:
    return {
        "search_method": search_method,
        "branches": [{"kind": branch.kind, "weight": branch.weight} for branch in plan.branches],
        "top_k": plan.top_k,
        "score_threshold": plan.threshold or None,
        "recall": plan.recall,
    }


def _branch_bodies(findings: _Findings) -> list[BranchBody]:
    return [
        {
            "kind": branch.planned.kind,
            "weight": branch.planned.weight,
            "depth": search.limit,
            "found": len(search.hits),
            "took_ms": search.took_ms,
            "candidates": [
                {
                    **_candidate(findings, rank, hit),
                    "raw_score": raw.score * findings.asked.full_scores[branch.planned.kind],
                }
                for rank, (hit, raw) in enumerate(
                    zip(branch.hits[:MOST_SHOWN], search.hits[:MOST_SHOWN], strict=True), 1
                )
            ],
        }
        for branch, search in zip(findings.sight.branches, findings.sight.searches, strict=True)
    ]


def _fused_body(findings: _Findings, rank: int, hit: Hit, fate: Fate) -> FusedBody:
    branches = findings.sight.branches
    contributions: dict[str, float] = {}
    for branch, scores in zip(branches, findings.sight.scores, strict=True):
        weight = branch.planned.weight if len(branches) > 1 else 1.0
        contributions[branch.planned.kind] = weight * scores.get(hit.number, 0.0)
    return {**_candidate(findings, rank, hit), "contributions": contributions, "fate": fate}


def _candidate(findings: _Findings, rank: int, hit: Hit) -> CandidateBody:
    standing = findings.standings.get(hit.number)
    return {
        "rank": rank,
        "segment_id": standing.segment_id if standing else None,
        "hook_id": standing.hook_id if standing else None,
        "document_id": standing.document_id if standing else None,
        "document_name": standing.document_name if standing else None,
        "position": standing.position if standing else None,
        "excerpt": standing.excerpt if standing else None,
        "score": hit.score,
    }


def _funnel(findings: _Findings) -> FunnelBody:
    sight = findings.sight
    return {
        "candidates": len(sight.fused),
        "above_threshold": len(sight.kept),
        "may_answer": len(_ranked(findings)),
        "records": len(findings.records),
    }
