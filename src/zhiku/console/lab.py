"""The retrieval lab: a question to a dataset, with settings, and its answers with their scores."""

import time
from dataclasses import dataclass

from starlette.responses import Response

from zhiku.console.pages import Pages, Visit
from zhiku.datasets.retrieval_model import RetrievalModel, stored_retrieval_model
from zhiku.datasets.service import get_dataset
from zhiku.datasets.store import Dataset
from zhiku.errors import ZhikuError
from zhiku.http.runtime import in_thread
from zhiku.http.schema import parse, refuse_nul
from zhiku.retrieval.schemas import QUERY_CHARS, Record, RetrieveRequest
from zhiku.retrieval.service import find_records, plan_question

pages = Pages()

METHODS = ("hybrid_search", "semantic_search", "full_text_search", "keyword_search")
DEFAULT_TOP_K = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of one method, or what it could not do."""

    method: str
    records: list[Record]
    took_ms: float
    problem: str | None


@pages.get("/datasets/{dataset_id:id}/lab")
async def show_lab(visit: Visit) -> Response:
    """Show the lab, with answers if there is a question; trying counts no hits."""
    dataset = (await in_thread(get_dataset, visit.rt, visit.path("dataset_id"))).dataset
    own = stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)
    question = visit.query.get("query", "").strip()
    chosen = [name for name in METHODS if name in visit.query.getlist("method")] or [own.search_method]
    top_k = visit.query.get("top_k", "")
    threshold = visit.query.get("threshold", "")
    settings: dict[str, object] = {"top_k": top_k or DEFAULT_TOP_K}
    if threshold:
        settings |= {"score_threshold": threshold, "score_threshold_enabled": True}
    asked = chosen if question else []
    answers = [await in_thread(_ask, visit, dataset, question, settings | {"search_method": name}) for name in asked]
    return visit.render(
        "lab.html",
        dataset=dataset,
        question=question,
        methods=METHODS if dataset.indexing_technique != "economy" else METHODS[-2:],
        chosen=chosen,
        top_k=top_k or str(DEFAULT_TOP_K),
        threshold=threshold,
        answers=answers,
        query_chars=QUERY_CHARS,
    )


def _ask(visit: Visit, dataset: Dataset, question: str, settings: dict[str, object]) -> Answer:
    method, began = str(settings["search_method"]), time.perf_counter()
    try:
        model = parse(RetrievalModel, settings)
        request = RetrieveRequest(query=question, retrieval_model=model)
        refuse_nul(request)
        planned = plan_question(visit.rt, dataset, request)
        records = find_records(visit.rt, planned, planned.embed()) if planned else []
    except ZhikuError as error:
        return Answer(method, [], 0.0, visit.language.error(error.code, str(error)))
    return Answer(method, records, (time.perf_counter() - began) * 1000, None)
