"""Routes of retrieval apps: several datasets asked as one (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.apps import service
from zhiku.apps.schemas import AppBody, AppListBody, CreateApp, ListApps, UpdateApp, app_body
from zhiku.errors import (
    CompletionRequestError,
    DatasetNotInitialized,
    HighQualityDatasetOnly,
    InvalidParam,
    NotFound,
    ProviderNotInitialize,
)
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.public_url import read_public_url
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.retrieval.pictures import add_files, has_files
from zhiku.retrieval.schemas import RetrieveBody, RetrieveRequest
from zhiku.retrieval.shape import retrieve_body

router = Router()

APP = "/apps/{app_id:id}"


@operation(
    router,
    "POST",
    "/apps",
    body=CreateApp,
    reply=AppBody,
    gives={"app_id": "/id"},
    errors=(InvalidParam, NotFound),
    is_rate_limited=True,
)
async def create_app(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Create a retrieval app: datasets that are asked together, with the settings for it."""
    body = await read_body(request, CreateApp)
    return encode(app_body(await in_thread(service.create_app, rt, actor, body)))


@operation(
    router,
    "GET",
    "/apps",
    query=ListApps,
    is_paged=True,
    reply=AppListBody,
    gives={"app_id": "/data/0/id"},
    errors=(InvalidParam,),
)
async def list_apps(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """List retrieval apps, newest first."""
    query, page = read_query(request, ListApps), read_page(request)
    rows, total = await in_thread(service.list_apps, rt, actor, query, page)
    return encode(page_body([app_body(row) for row in rows], total, page))


@operation(router, "GET", APP, reply=AppBody, errors=(NotFound,))
async def get_app(rt: RuntimeDep, actor: ActorDep, app_id: str) -> Response:
    """Get a retrieval app."""
    return encode(app_body(await in_thread(service.get_app, rt, actor, app_id)))


@operation(router, "PATCH", APP, body=UpdateApp, reply=AppBody, errors=(NotFound, InvalidParam), is_rate_limited=True)
async def update_app(request: Request, rt: RuntimeDep, actor: ActorDep, app_id: str) -> Response:
    """Change a retrieval app; what the body leaves out stays."""
    await in_thread(service.get_app, rt, actor, app_id)
    body = await read_body(request, UpdateApp)
    return encode(app_body(await in_thread(service.update_app, rt, actor, app_id, body)))


@operation(router, "DELETE", APP, status=204, errors=(NotFound,), is_rate_limited=True)
async def delete_app(rt: RuntimeDep, actor: ActorDep, app_id: str) -> Response:
    """Delete a retrieval app; its datasets stay and are free again."""
    await in_thread(service.delete_app, rt, actor, app_id)
    return no_content()


@operation(
    router,
    "POST",
    APP + "/retrieve",
    body=RetrieveRequest,
    reply=RetrieveBody,
    errors=(
        NotFound,
        InvalidParam,
        ProviderNotInitialize,
        CompletionRequestError,
        HighQualityDatasetOnly,
        DatasetNotInitialized,
    ),
    is_rate_limited=True,
    is_reading=True,
)
async def retrieve(request: Request, rt: RuntimeDep, actor: ActorDep, app_id: str) -> Response:
    """Ask all datasets of an app one question and get their best segments in one list.

    Scores mean the same in every dataset, so that the list is one of the best answers of all; `top_k` counts over all
    of it. A dataset whose API is switched off is left out, and so is an external one, whose scores mean something else.
    """
    app = await in_thread(service.get_app, rt, actor, app_id)
    body = await read_body(request, RetrieveRequest)
    reply = retrieve_body(body.query or "", await in_thread(service.retrieve, rt, app, body))
    if has_files(reply["records"]):
        await in_thread(add_files, rt, read_public_url(request), reply["records"])
    return encode(reply)
