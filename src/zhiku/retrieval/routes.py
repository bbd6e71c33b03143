"""The route of questions (contract 5)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.errors import (
    CompletionRequestError,
    DatasetNotInitialized,
    Forbidden,
    HighQualityDatasetOnly,
    InvalidParam,
    NotFound,
    ProviderNotInitialize,
)
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.public_url import read_public_url
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_remote_thread, in_thread
from zhiku.http.schema import encode
from zhiku.retrieval import service
from zhiku.retrieval.detailed import answer_in_detail, explain_in_detail
from zhiku.retrieval.options import DetailOptions, ExplainRequest, RetrieveOptions
from zhiku.retrieval.pictures import add_files, has_files
from zhiku.retrieval.remote import answer_from_source
from zhiku.retrieval.replies import DetailedBody, ExplainBody
from zhiku.retrieval.schemas import RetrieveBody, RetrieveRequest
from zhiku.retrieval.shape import retrieve_body
from zhiku.runtime import Runtime

router = Router()

_ERRORS = (
    NotFound,
    Forbidden,
    InvalidParam,
    ProviderNotInitialize,
    CompletionRequestError,
    HighQualityDatasetOnly,
    DatasetNotInitialized,
)


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/retrieve",
    aliases=("/datasets/{dataset_id:id}/hit-testing", "/datasets/{dataset_id:id}/hit_testing"),
    body=RetrieveRequest,
    query=RetrieveOptions,
    reply=DetailedBody,
    errors=_ERRORS,
    is_rate_limited=True,
    is_reading=True,
)
async def retrieve(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Ask a dataset a question and get its best segments with scores.

    Highlights, neighbours and an explanation are worked out only where the address asks for them.
    The question to an external dataset goes to its source, whose records come back in the same shape.
    """
    body = await read_body(request, RetrieveRequest)
    if dataset.provider == "external":
        return encode(await in_remote_thread(answer_from_source, rt, dataset, body))
    if request.scope["query_string"]:
        options = read_query(request, RetrieveOptions)
        return await _reply(request, rt, await in_thread(answer_in_detail, rt, dataset, body, options))
    question = service.plan_question(rt, dataset, body)
    if question is None:
        return encode(retrieve_body(body.query or "", []))
    # A change of thread costs as much as the search itself, so only what may wait is given one.
    is_quick = question.embedder is None or question.embedder.is_quick
    vector = question.embed() if is_quick else await in_thread(question.embed)
    if rt.db.dialect == "sqlite" and question.plan.conditions is None:
        records = service.answer(rt, question, vector)
    else:
        records = await in_thread(service.answer, rt, question, vector)
    return await _reply(request, rt, retrieve_body(body.query or "", records))


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/explain",
    body=ExplainRequest,
    query=DetailOptions,
    reply=ExplainBody,
    errors=_ERRORS,
    is_rate_limited=True,
    is_reading=True,
)
async def explain(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Ask a dataset a question and get what each step of the search saw.

    With a `segment_id` it also says why that segment is in the answer or not. No hits are counted.
    """
    body = await read_body(request, ExplainRequest)
    options = read_query(request, DetailOptions)
    if dataset.provider == "external":
        raise InvalidParam("An external dataset is asked at its source, which explains nothing.")
    return await _reply(request, rt, await in_thread(explain_in_detail, rt, dataset, body, options))


async def _reply(request: Request, rt: Runtime, body: RetrieveBody | DetailedBody | ExplainBody) -> Response:
    if has_files(body["records"]):
        await in_thread(add_files, rt, read_public_url(request), body["records"])
    return encode(body)
