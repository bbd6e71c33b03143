"""Routes of datasets (contract 3.2)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.access.actor import Actor
from zhiku.datasets import service, updates
from zhiku.datasets.deps import DatasetDep, DatasetDetailDep, SwitchableDatasetDep
from zhiku.datasets.permission import refuse_switched_off
from zhiku.datasets.replies import DatasetBody, DatasetPageBody, dataset_body
from zhiku.datasets.schemas import CreateDataset, ListDatasets, UpdateDataset
from zhiku.datasets.store import Dataset, DatasetRow
from zhiku.errors import DatasetInUse, DatasetNameDuplicate, Forbidden, InvalidParam, NotFound, ZhikuError
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
    reply=DatasetBody,
    gives={"dataset_id": "/id"},
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
    reply=DatasetPageBody,
    gives={"dataset_id": "/data/0/id"},
    errors=(InvalidParam,),
)
async def list_datasets(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """List datasets, newest first."""
    query, page = read_query(request, ListDatasets), read_page(request)
    rows, total = await in_thread(service.list_datasets, rt, actor, query, page)
    return encode(page_body([_shown(rt, row) for row in rows], total, page))


@operation(router, "GET", "/datasets/{dataset_id:id}", reply=DatasetBody, errors=(NotFound, Forbidden))
async def get_dataset(rt: RuntimeDep, dataset: DatasetDetailDep) -> Response:
    """Get a dataset with its settings and counts."""
    return encode(_shown(rt, await in_thread(service.get_dataset, rt, dataset.id)))


@operation(
    router,
    "PATCH",
    "/datasets/{dataset_id:id}",
    body=UpdateDataset,
    reply=DatasetBody,
    errors=(InvalidParam, NotFound, Forbidden),
    is_rate_limited=True,
)
async def update_dataset(request: Request, rt: RuntimeDep, actor: ActorDep, dataset: SwitchableDatasetDep) -> Response:
    """Change a dataset's settings.

    Another technique or embedding model is brought about in the background: documents stay completed, and the former
    index answers until the new one takes its place. While `enable_api` is false every route of the dataset answers 403,
    this one too unless its body has `enable_api`, so that the API can be switched on again; only an admin key can.
    """
    body = await _read_update(request, actor, dataset)
    row = await in_thread(updates.update_dataset, rt, actor, dataset.id, body)
    return encode(_shown(rt, row, has_members=True))


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


async def _read_update(request: Request, actor: Actor, dataset: Dataset) -> UpdateDataset:
    """Return the body; of a dataset that is switched off nothing else is looked at before the switch (D2).

    Raises Forbidden if it moves the switch and the key may not.
    """
    try:
        body = await read_body(request, UpdateDataset)
    except ZhikuError:
        refuse_switched_off(dataset)
        raise
    if body.enable_api is None or not actor.can_switch_api:
        refuse_switched_off(dataset)
    if body.enable_api is False and not actor.can_switch_api:
        raise Forbidden
    return body


def _shown(rt: Runtime, row: DatasetRow, *, has_members: bool = False) -> DatasetBody:
    is_available = service.is_embedding_available(rt, row.shown)
    return dataset_body(row, is_embedding_available=is_available, has_members=has_members)
