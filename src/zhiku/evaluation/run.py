"""The work of an evaluation: asks every question with all settings, a batch at a time, and counts no hits."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec

from zhiku.datasets import store as dataset_store
from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.datasets.store import Dataset
from zhiku.evaluation import question_store, store
from zhiku.evaluation.measures import DEPTH, distinct, mean, measure, percentile, unit_of
from zhiku.evaluation.question_store import Question
from zhiku.evaluation.service import read_settings
from zhiku.evaluation.store import Asked, Evaluation, Hit, Result
from zhiku.evaluation.suggestion import Candidate, suggest
from zhiku.jobs.kinds import EvaluateDataset
from zhiku.jobs.worker import JobContext
from zhiku.retrieval.schemas import Record, RetrieveRequest
from zhiku.retrieval.service import find_records, plan_question
from zhiku.runtime import Runtime

BATCH = 20
POOL = 50
"""How many segments of each branch a suggestion is made of; as deep as a hybrid search looks at first."""


class Figures(msgspec.Struct, frozen=True):
    """What one of the settings came to over all questions: means, and the time of a question in ms."""

    ndcg_at_10: float
    recall: float
    mrr: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    document_id: str
    segment_id: str
    segment_hash: str


class Evaluating:
    """The handler of EvaluateDataset jobs; its runtime must have the index."""

    def run(self, rt: Runtime, context: JobContext, job: EvaluateDataset) -> None:
        """Ask the questions that the last checkpoint has not, then work out the figures."""
        with rt.db.read() as conn:
            evaluation = store.find_evaluation(conn, job.dataset_id, job.evaluation_id)
            dataset = dataset_store.find_dataset(conn, job.dataset_id)
        if evaluation is None or dataset is None:
            return
        models = [RetrievalModel.model_validate(stored) for stored in read_settings(evaluation)]
        done = int(context.checkpoint_data or 0)
        for question in _next_questions(rt, evaluation, done)[:1]:
            # The first question after a start loads the model and opens the shard, which is nobody's latency.
            _ask(rt, context, dataset, question, models)
        while questions := _next_questions(rt, evaluation, done):
            asked = [_ask(rt, context, dataset, question, models) for question in questions]
            done = questions[-1].position
            with rt.db.begin() as tx:
                context.checkpoint(tx, done)
                store.insert_results(tx, evaluation.id, asked)
                store.change_evaluation(tx, evaluation.id, {"state": store.RUNNING, "done": done})
        _conclude(rt, context, evaluation)

    def give_up(self, rt: Runtime, context: JobContext, job: EvaluateDataset, message: str) -> None:
        """Show the failure on the evaluation."""
        values = {"state": store.ERROR, "error": message, "ended_at": rt.clock.now()}
        with rt.db.begin() as tx:
            store.change_evaluation(tx, job.evaluation_id, values)
            store.drop_pools(tx, job.evaluation_id)
            context.finish(tx)


def work_out(results: Sequence[Sequence[Result]]) -> list[Figures]:
    """Return the figures of each of the settings; `results` has for each question one of each."""
    return [
        Figures(
            ndcg_at_10=mean([result.ndcg_at_10 for result in column]),
            recall=mean([result.recall for result in column]),
            mrr=mean([result.reciprocal_rank for result in column]),
            p50_ms=percentile([result.took_ms for result in column], 0.5),
            p95_ms=percentile([result.took_ms for result in column], 0.95),
        )
        for column in zip(*results, strict=True)
    ]


def _next_questions(rt: Runtime, evaluation: Evaluation, done: int) -> list[Question]:
    with rt.db.read() as conn:
        return question_store.list_questions(conn, evaluation.question_set_id, done, BATCH)


def _conclude(rt: Runtime, context: JobContext, evaluation: Evaluation) -> None:
    with rt.db.read() as conn:
        figures = work_out(store.list_results(conn, evaluation.id))
        suggestion = suggest(store.list_pools(conn, evaluation))
    values = {
        "state": store.COMPLETED,
        "figures_json": msgspec.json.encode(figures).decode(),
        "suggestion_json": None if suggestion is None else msgspec.json.encode(suggestion).decode(),
        "ended_at": rt.clock.now(),
    }
    with rt.db.begin() as tx:
        store.change_evaluation(tx, evaluation.id, values)
        store.drop_pools(tx, evaluation.id)
        context.finish(tx)


def _ask(
    rt: Runtime, context: JobContext, dataset: Dataset, question: Question, models: Sequence[RetrievalModel]
) -> Asked:
    context.check()
    results = [_result(rt, dataset, question, model) for model in models]
    pool = [] if dataset.indexing_technique != "high_quality" else _pool(rt, dataset, question)
    return Asked(question, results, pool)


def _result(rt: Runtime, dataset: Dataset, question: Question, model: RetrievalModel) -> Result:
    """Return what a retrieval model answers; ten records at least, so that all are measured alike."""
    deep = model.model_copy(update={"top_k": max(model.top_k, DEPTH)})
    began = time.perf_counter()
    records = _find(rt, dataset, question, deep)
    took_ms = (time.perf_counter() - began) * 1000
    units = [unit_of(question.answers, _candidate(record)) for record in records]
    scores = measure(question.answers, distinct(units), model.top_k)
    hits = [
        Hit(record.segment.id, record.document.id, record.score, unit.grade)
        for record, unit in zip(records[:DEPTH], units, strict=False)
    ]
    return Result(**asdict(scores), took_ms=took_ms, hits=hits)


def _pool(rt: Runtime, dataset: Dataset, question: Question) -> list[Candidate]:
    """Return what both branches of a hybrid search bring, each with its score in both."""
    scores: list[dict[str, float]] = []
    found: dict[str, Record] = {}
    for method in ("semantic_search", "full_text_search"):
        model = RetrievalModel(search_method=method, top_k=min(POOL, rt.settings.top_k_max))
        records = _find(rt, dataset, question, model)
        scores.append({record.segment.id: record.score for record in records})
        found |= {record.segment.id: record for record in records}
    vector, terms = scores
    candidates: list[Candidate] = []
    for segment_id, record in found.items():
        unit = unit_of(question.answers, _candidate(record))
        candidates.append(Candidate(vector.get(segment_id, 0.0), terms.get(segment_id, 0.0), unit.key, unit.grade))
    return candidates


def _find(rt: Runtime, dataset: Dataset, question: Question, model: RetrievalModel) -> list[Record]:
    planned = plan_question(rt, dataset, RetrieveRequest(query=question.query, retrieval_model=model))
    return find_records(rt, planned, planned.embed()) if planned else []


def _candidate(record: Record) -> _Candidate:
    return _Candidate(record.document.id, record.segment.id, record.segment.index_node_hash)
