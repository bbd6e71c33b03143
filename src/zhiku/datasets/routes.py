"""Routes of datasets (contract 3.2)."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets import service
from zhiku.datasets.deps import DatasetDep, DatasetDetailDep
from zhiku.datasets.schemas import CreateDataset, ListDatasets, dataset_body
from zhiku.datasets.store import DatasetRow
from zhiku.errors import DatasetInUse, DatasetNameDuplicate, Forbidden, InvalidParam, NotFound
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.runtime import Runtime

router = Router()


@operation(
    router,
    "POST",
    "/datasets",
    body=CreateDataset,
    reply=dict[str, Any],
    errors=(InvalidParam, DatasetNameDuplicate),
    is_rate_limited=True,
)
async def create_dataset(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Create an empty dataset."""
    body = await read_body(request, CreateDataset)
    return encode(_shown(rt, await in_thread(service.create_dataset, rt, actor, body)))


@operation(
    router,
    "GET",
    "/datasets",
    query=ListDatasets,
    is_paged=True,
    reply=dict[str, Any],
    errors=(InvalidParam,),
)
async def list_datasets(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """List datasets, newest first."""
    query, page = read_query(request, ListDatasets), read_page(request)
    rows, total = await in_thread(service.list_datasets, rt, actor, query, page)
    return encode(page_body([_shown(rt, row) for row in rows], total, page))


@operation(router, "GET", "/datasets/{dataset_id:id}", reply=dict[str, Any], errors=(NotFound, Forbidden))
async def get_dataset(rt: RuntimeDep, dataset: DatasetDetailDep) -> Response:
    """Get a dataset with its settings and counts."""
    return encode(_shown(rt, await in_thread(service.get_dataset, rt, dataset.id)))


@operation(
    router,
    "DELETE",
    "/datasets/{dataset_id:id}",
    status=204,
    errors=(NotFound, Forbidden, DatasetInUse),
    is_rate_limited=True,
)
async def delete_dataset(rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Delete a dataset with everything in it."""
    await in_thread(service.delete_dataset, rt, dataset.id)
    return no_content()


def _shown(rt: Runtime, row: DatasetRow) -> dict[str, Any]:
    return dataset_body(row, is_embedding_available=service.is_embedding_available(rt, row.dataset))
