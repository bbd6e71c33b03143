"""Routes of metadata fields and of documents' values in them (contract 6)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.errors import Forbidden, InvalidAction, InvalidParam, NotFound
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.reply import SUCCESS, ResultBody
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.metadata import service
from zhiku.metadata.deps import FieldDep
from zhiku.metadata.schemas import (
    BuiltInFieldListBody,
    CreateField,
    FieldListBody,
    MetadataFieldBody,
    RenameField,
    UpdateDocuments,
    built_in_list_body,
    field_body,
    field_list_body,
)

router = Router()

FIELDS = "/datasets/{dataset_id:id}/metadata"


@operation(
    router,
    "POST",
    FIELDS,
    body=CreateField,
    reply=MetadataFieldBody,
    gives={"metadata_id": "/id"},
    status=201,
    errors=(NotFound, Forbidden, InvalidParam),
    is_rate_limited=True,
)
async def create_field(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Add a metadata field to a dataset."""
    body = await read_body(request, CreateField)
    return encode(field_body(await in_thread(service.create_field, rt, dataset.id, body)), 201)


@operation(
    router,
    "GET",
    FIELDS,
    reply=FieldListBody,
    gives={"metadata_id": "/doc_metadata/0/id"},
    errors=(NotFound, Forbidden),
)
async def list_fields(rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """List a dataset's own metadata fields."""
    fields = await in_thread(service.list_fields, rt, dataset.id)
    return encode(field_list_body(fields, is_built_in_enabled=dataset.is_built_in_field_enabled))


@operation(
    router,
    "PATCH",
    FIELDS + "/{metadata_id:id}",
    body=RenameField,
    reply=MetadataFieldBody,
    errors=(NotFound, Forbidden, InvalidParam),
    is_rate_limited=True,
)
async def rename_field(request: Request, rt: RuntimeDep, dataset: DatasetDep, field: FieldDep) -> Response:
    """Give a metadata field another name; the documents' values follow."""
    body = await read_body(request, RenameField)
    return encode(field_body(await in_thread(service.rename_field, rt, dataset.id, field.id, body.name)))


@operation(
    router, "DELETE", FIELDS + "/{metadata_id:id}", status=204, errors=(NotFound, Forbidden), is_rate_limited=True
)
async def delete_field(rt: RuntimeDep, dataset: DatasetDep, metadata_id: str) -> Response:
    """Delete a metadata field with the documents' values in it."""
    await in_thread(service.delete_field, rt, dataset.id, metadata_id)
    return no_content()


@operation(router, "GET", FIELDS + "/built-in", reply=BuiltInFieldListBody, errors=(NotFound, Forbidden))
async def list_built_in_fields(dataset: DatasetDep) -> Response:
    """List the metadata fields that every document has."""
    return encode(built_in_list_body())


@operation(router, "GET", "/datasets/metadata/built-in", reply=BuiltInFieldListBody)
async def list_built_in_fields_of_any(actor: ActorDep) -> Response:
    """List the metadata fields that every document has: the older path."""
    return encode(built_in_list_body())


@operation(
    router,
    "POST",
    FIELDS + "/built-in/{action}",
    reply=ResultBody,
    errors=(NotFound, Forbidden, InvalidAction),
    is_rate_limited=True,
)
async def switch_built_in_fields(rt: RuntimeDep, dataset: DatasetDep, action: str) -> Response:
    """Show the built-in metadata fields in replies (`enable`), or hide them (`disable`)."""
    await in_thread(service.switch_built_in_fields, rt, dataset.id, action)
    return encode(SUCCESS)


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/metadata",
    body=UpdateDocuments,
    reply=ResultBody,
    errors=(NotFound, Forbidden, InvalidParam),
    is_rate_limited=True,
)
async def update_documents(request: Request, rt: RuntimeDep, dataset: DatasetDep) -> Response:
    """Write metadata values of documents, all or nothing."""
    body = await read_body(request, UpdateDocuments)
    await in_thread(service.update_documents, rt, dataset.id, body)
    return encode(SUCCESS)
