"""The answers to a question with what was asked for beside them, as they are replied."""

from zhiku.datasets.store import Dataset
from zhiku.retrieval import service
from zhiku.retrieval.details import add_highlights, add_neighbours, asked_words, asks_by_keywords
from zhiku.retrieval.explain import explain
from zhiku.retrieval.options import DetailOptions, ExplainRequest, RetrieveOptions
from zhiku.retrieval.plan import effective_model
from zhiku.retrieval.replies import DetailedBody, DetailedRecordBody, ExplainBody
from zhiku.retrieval.schemas import Record, RetrieveRequest
from zhiku.retrieval.shape import retrieve_body
from zhiku.runtime import Runtime


def answer_in_detail(rt: Runtime, dataset: Dataset, request: RetrieveRequest, options: RetrieveOptions) -> DetailedBody:
    """Return the reply to a question with details; each record counts as a hit unless it is explained.

    Raises what `retrieve` does.
    """
    if options.explain:
        return {**explain_in_detail(rt, dataset, ExplainRequest(**dict(request)), options)}
    records = service.retrieve(rt, dataset, request)
    detailed = _detailed(rt, dataset, request, records, options)
    return {"query": {"content": request.query or ""}, "records": detailed}


def explain_in_detail(rt: Runtime, dataset: Dataset, request: ExplainRequest, options: DetailOptions) -> ExplainBody:
    """Return the reply to a question with what each step saw and highlights. Raises what `explain` does."""
    explained = explain(rt, dataset, request, request.segment_id)
    records = service.with_metadata(rt, dataset, explained.records)
    options = DetailOptions(highlights=True, neighbours=options.neighbours)
    detailed = _detailed(rt, dataset, request, records, options)
    return {"query": {"content": request.query or ""}, "records": detailed, "explain": explained.body}


def _detailed(
    rt: Runtime, dataset: Dataset, request: RetrieveRequest, records: list[Record], options: DetailOptions
) -> list[DetailedRecordBody]:
    query = request.query or ""
    bodies: list[DetailedRecordBody] = [{**body} for body in retrieve_body(query, records)["records"]]
    if options.highlights:
        is_keywords = asks_by_keywords(dataset, effective_model(dataset, request).search_method)
        bodies = add_highlights(bodies, asked_words(query, is_keywords=is_keywords))
    return add_neighbours(rt, bodies, records, options.neighbours) if options.neighbours else bodies
