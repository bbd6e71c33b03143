"""Routes of tags (contract 7)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets import service as dataset_service
from zhiku.datasets.deps import DatasetDep
from zhiku.errors import Forbidden, InvalidParam, NotFound
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.reply import SUCCESS, ResultBody
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode
from zhiku.tags import service
from zhiku.tags.schemas import (
    BindTags,
    CreateTag,
    DatasetTagsBody,
    DeleteTag,
    ListedTagBody,
    ListTags,
    RenameTag,
    TagBody,
    listed_tag_body,
    tag_body,
)

router = Router()


@operation(router, "POST", "/datasets/tags", body=CreateTag, reply=TagBody, errors=(InvalidParam,))
async def create_tag(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Create a tag."""
    body = await read_body(request, CreateTag)
    return encode(tag_body(await in_thread(service.create_tag, rt, body)))


@operation(router, "GET", "/datasets/tags", query=ListTags, reply=list[ListedTagBody])
async def list_tags(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """List the workspace's tags, newest first."""
    query = read_query(request, ListTags)
    return encode([listed_tag_body(tag) for tag in await in_thread(service.list_tags, rt, actor, query.keyword)])


@operation(router, "PATCH", "/datasets/tags", body=RenameTag, reply=TagBody, errors=(InvalidParam, NotFound))
async def rename_tag(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Give a tag another name."""
    body = await read_body(request, RenameTag)
    return encode(tag_body(await in_thread(service.rename_tag, rt, actor, body)))


@operation(
    router,
    "DELETE",
    "/datasets/tags",
    body=DeleteTag,
    query=DeleteTag,
    reply=ResultBody,
    errors=(InvalidParam, NotFound),
)
async def delete_tag(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Delete a tag and take it off every dataset."""
    body = await read_body(request, DeleteTag)
    tag_id = body.tag_id or read_query(request, DeleteTag).tag_id
    if not tag_id:
        raise InvalidParam("tag_id: Field required", params="tag_id")
    await in_thread(service.delete_tag, rt, actor, tag_id)
    return encode(SUCCESS)


@operation(router, "POST", "/datasets/tags/binding", body=BindTags, reply=ResultBody, errors=(InvalidParam, NotFound))
async def bind_tags(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Put tags on a dataset."""
    await in_thread(service.bind_tags, rt, actor, await read_body(request, BindTags))
    return encode(SUCCESS)


@operation(router, "POST", "/datasets/tags/unbinding", body=BindTags, reply=ResultBody, errors=(InvalidParam, NotFound))
async def unbind_tags(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Take tags off a dataset."""
    await in_thread(service.unbind_tags, rt, actor, await read_body(request, BindTags))
    return encode(SUCCESS)


@operation(router, "GET", "/datasets/{dataset_id:id}/tags", reply=DatasetTagsBody, errors=(NotFound, Forbidden))
@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/tags",
    reply=DatasetTagsBody,
    errors=(NotFound, Forbidden),
    is_reading=True,
)
async def list_dataset_tags(rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """List the tags of a dataset."""
    row = await in_thread(dataset_service.get_dataset, rt, dataset.id)
    body: DatasetTagsBody = {"data": [{"id": tag.id, "name": tag.name} for tag in row.tags], "total": len(row.tags)}
    return encode(body)
