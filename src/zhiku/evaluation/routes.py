"""Routes of evaluations (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.errors import (
    DatasetNotInitialized,
    Forbidden,
    InvalidAction,
    InvalidParam,
    NotFound,
    ProviderNotInitialize,
)
from zhiku.evaluation import service
from zhiku.evaluation.replies import (
    AskedPageBody,
    EvaluationBody,
    EvaluationPageBody,
    asked_body,
    evaluation_body,
)
from zhiku.evaluation.schemas import CreateEvaluation
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content

router = Router()

EVALUATIONS = "/datasets/{dataset_id:id}/evaluations"
ONE_EVALUATION = EVALUATIONS + "/{evaluation_id:id}"


@operation(
    router,
    "POST",
    EVALUATIONS,
    body=CreateEvaluation,
    reply=EvaluationBody,
    errors=(NotFound, Forbidden, InvalidParam, ProviderNotInitialize, DatasetNotInitialized),
    gives={"evaluation_id": "/id"},
)
async def start_evaluation(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: DatasetDep) -> Response:
    """Ask a set's questions with several retrieval models, to compare what they find and how long they take.

    It runs in the background and counts no hits. Ten records are asked for where `top_k` is lower.
    """
    body = await read_body(request, CreateEvaluation)
    return encode(evaluation_body(await in_thread(service.start_evaluation, rt, actor, dataset, body)))


@operation(
    router,
    "GET",
    EVALUATIONS,
    is_paged=True,
    reply=EvaluationPageBody,
    errors=(NotFound, Forbidden, InvalidParam),
    gives={"evaluation_id": "/data/0/id"},
)
async def list_evaluations(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """List a dataset's evaluations with their figures, newest first."""
    page = read_page(request)
    found, total = await in_thread(service.list_evaluations, rt, dataset.id, page)
    return encode(page_body([evaluation_body(each) for each in found], total, page))


@operation(router, "GET", ONE_EVALUATION, reply=EvaluationBody, errors=(NotFound, Forbidden))
async def get_evaluation(rt: RuntimeDep, dataset: DatasetDep, evaluation_id: str) -> Response:
    """Get an evaluation: how far it is, the figures of each of the settings, and what they suggest."""
    return encode(evaluation_body(await in_thread(service.get_evaluation, rt, dataset.id, evaluation_id)))


@operation(
    router,
    "GET",
    ONE_EVALUATION + "/results",
    is_paged=True,
    reply=AskedPageBody,
    errors=(NotFound, Forbidden, InvalidParam),
)
async def list_results(request: Request, rt: RuntimeDep, dataset: DatasetDep, evaluation_id: str) -> Response:
    """List the questions that an evaluation has asked, with what each of the settings answered."""
    page = read_page(request)
    found, total = await in_thread(service.list_asked, rt, dataset.id, evaluation_id, page)
    return encode(page_body([asked_body(each) for each in found], total, page))


@operation(
    router,
    "POST",
    ONE_EVALUATION + "/cancel",
    reply=EvaluationBody,
    errors=(NotFound, Forbidden, InvalidAction),
)
async def cancel_evaluation(rt: RuntimeDep, dataset: DatasetDep, evaluation_id: str) -> Response:
    """End an evaluation where it is; the results so far stay."""
    return encode(evaluation_body(await in_thread(service.cancel_evaluation, rt, dataset.id, evaluation_id)))


@operation(router, "DELETE", ONE_EVALUATION, status=204, errors=(NotFound, Forbidden))
async def delete_evaluation(rt: RuntimeDep, dataset: DatasetDep, evaluation_id: str) -> Response:
    """Delete an evaluation with its results, also one that runs."""
    await in_thread(service.delete_evaluation, rt, dataset.id, evaluation_id)
    return no_content()
