"""retrieve(): the story of one question, one line a step."""

from dataclasses import dataclass, replace

import msgspec

from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.store import Dataset
from zhiku.db.tables import CHILD_POSTINGS
from zhiku.documents.metadata_store import list_metadata
from zhiku.errors import DatasetNotInitialized, ModelCallFailed, ProviderNotInitialize
from zhiku.indexes.base import Hit, IndexDamaged, IndexLocked, Scope, Searches
from zhiku.providers.base import Embedder, Vectors
from zhiku.retrieval import store
from zhiku.retrieval.filters import find_scope
from zhiku.retrieval.fuse import fuse_hits
from zhiku.retrieval.plan import RECALL_MAX, Plan, effective_model, plan_retrieval
from zhiku.retrieval.rerank import check_reranking, cut_hits
from zhiku.retrieval.schemas import Record, RetrieveRequest
from zhiku.retrieval.search import embed_query, search_branches
from zhiku.retrieval.shape import Found, make_records, with_hits
from zhiku.runtime import Runtime
from zhiku.segments.indexing import find_embedder

# How much deeper each branch looks when deleted or disabled segments leave an answer short.
RECALL_GROWTH = 4


@dataclass(frozen=True, slots=True)
class Question:
    """A planned question: the index that answers it, and what embeds it where the plan has a vector branch."""

    dataset: Dataset
    plan: Plan
    index: Searches
    embedder: Embedder | None

    def embed(self) -> Vectors | None:
        """Return the query's vector, None where none is needed. Raises CompletionRequestError."""
        return embed_query(self.embedder, self.plan) if self.embedder else None


def retrieve(rt: Runtime, dataset: Dataset, request: RetrieveRequest) -> list[Record]:
    """Return the dataset's answers to a question, best first, at most `top_k`.

    Raises InvalidParam, ProviderNotInitialize, CompletionRequestError, DatasetNotInitialized.
    """
    question = plan_question(rt, dataset, request)
    return answer(rt, question, question.embed()) if question else []


def plan_question(rt: Runtime, dataset: Dataset, request: RetrieveRequest) -> Question | None:
    """Return what is to be asked, None where nothing can answer. Quick: nothing is embedded or searched yet.

    Raises InvalidParam, ProviderNotInitialize, DatasetNotInitialized.
    """
    model = effective_model(dataset, request)
    plan = plan_retrieval(dataset, request, model, rt.settings.top_k_max)
    check_reranking(rt, model)
    if plan is None:
        return None
    if rt.index is None:
        raise DatasetNotInitialized
    return Question(dataset, plan, rt.index, _embedder(rt, dataset) if plan.needs_vector else None)


def answer(rt: Runtime, question: Question, vector: Vectors | None) -> list[Record]:
    """Return the records that answer a question whose vector is `vector`. Raises DatasetNotInitialized."""
    return tell_records(rt, question.dataset, find_records(rt, question, vector))


def find_records(rt: Runtime, question: Question, vector: Vectors | None) -> list[Record]:
    """Return what `answer` does before anybody is told: no hits counted, no metadata. Raises DatasetNotInitialized."""
    rt.activity.note()
    if question.plan.conditions is not None:
        scope = _scope(rt, question.dataset, question.plan.conditions)
        if scope is not None and not scope.is_complement and not scope.documents:
            return []
        question = replace(question, plan=replace(question.plan, scope=scope))
    try:
        return _search(rt, question, vector)
    except (IndexDamaged, IndexLocked) as error:
        raise DatasetNotInitialized from error


def tell_records(rt: Runtime, dataset: Dataset, records: list[Record]) -> list[Record]:
    """Return found records of a dataset as a client gets them: counted as answers, with their metadata."""
    return with_metadata(rt, dataset, _counted(rt, records))


def _counted(rt: Runtime, records: list[Record]) -> list[Record]:
    """Count an answer for each record and return them with the counts before it, written or not (contract 5.5)."""
    waiting = rt.hits.count([record.segment.number for record in records])
    return [with_hits(record, more) if more else record for record, more in zip(records, waiting, strict=True)]


def _scope(rt: Runtime, dataset: Dataset, conditions: MetadataConditions) -> Scope | None:
    with rt.db.read() as conn:
        return find_scope(conn, dataset, conditions)


def with_metadata(rt: Runtime, dataset: Dataset, records: list[Record]) -> list[Record]:
    """Return the records with their documents' metadata; nothing is asked where there can be none."""
    shown = [one.document.number for one in records if dataset.is_built_in_field_enabled or one.document.has_metadata]
    if not shown:
        return records
    with rt.db.read() as conn:
        found = list_metadata(conn, list(dict.fromkeys(shown)))
    return [
        msgspec.structs.replace(
            record, metadata={entry.name: entry.value for entry in found.get(record.document.number, ())}
        )
        for record in records
    ]


def _search(rt: Runtime, question: Question, vector: Vectors | None) -> list[Record]:
    plan = question.plan
    floor = question.embedder.cosine_floor if question.embedder else 0.0
    recall = plan.recall
    while True:
        branches = search_branches(question.index, plan, vector, floor, recall)
        fused = fuse_hits(branches)
        hits = cut_hits(plan, fused)
        records = _read_records(rt, plan, hits)
        is_exhausted = all(len(branch.hits) < recall for branch in branches)
        is_full = len(records) == plan.top_k and not (recall < RECALL_MAX and _ends_in_ties(hits, plan.top_k))
        if is_full or is_exhausted or len(hits) < len(fused):
            return records
        recall *= RECALL_GROWTH


def _read_records(rt: Runtime, plan: Plan, hits: list[Hit]) -> list[Record]:
    """Return the best records; looks further down the list only where some of the first hits may not answer."""
    wanted = plan.top_k
    while True:
        last = _with_ties(hits, wanted)
        found = _find(rt, [hit.number for hit in hits[:last]])
        records = make_records(hits[:last], found, plan.top_k)
        if len(records) == plan.top_k or last == len(hits):
            return records
        wanted = last * RECALL_GROWTH


def _find(rt: Runtime, postings: list[int]) -> Found:
    """Return what postings lead to: segments, directly or from their child chunks and summaries."""
    if all(posting < CHILD_POSTINGS for posting in postings):
        return Found(store.list_answering(rt.db, postings), [], {})
    with rt.db.read() as conn:
        children = store.list_children(conn, postings)
        summaries = store.list_summaries(conn, postings)
    numbers = {child.segment_number for child in children} | {each for each in postings if each < CHILD_POSTINGS}
    return Found(store.list_answering(rt.db, sorted(numbers | summaries.keys())), children, summaries)


def _with_ties(hits: list[Hit], wanted: int) -> int:
    """Return how many hits to read so that those of one score are ordered together."""
    last = min(wanted, len(hits))
    while 0 < last < len(hits) and hits[last].score == hits[last - 1].score:
        last += 1
    return last


def _ends_in_ties(hits: list[Hit], wanted: int) -> bool:
    """Tell whether hits as good as the last one wanted may lie behind the last one found."""
    return hits[-1].score == hits[wanted - 1].score


def _embedder(rt: Runtime, dataset: Dataset) -> Embedder | None:
    try:
        return find_embedder(rt, dataset)
    except ModelCallFailed as error:
        raise ProviderNotInitialize from error
