"""Routes that stand in for real ones: a dataset, a document in it, an upload, and ways to fail."""

import errno
from typing import Annotated, TypedDict

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from zhiku.errors import BadRequest, DatasetNameDuplicate, Forbidden, NotFound, UnsupportedFileType
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.reply import Id
from zhiku.http.router import Depends, Router
from zhiku.http.runtime import in_thread
from zhiku.http.schema import WireModel, encode, no_content, parse
from zhiku.http.upload import read_upload

DATASET = "2fdaf7d3-0d0e-4b1c-9d3a-6f8f5d2a1b3c"
SWITCHED_OFF = "00000000-0000-4000-8000-0000000000ff"
UNKNOWN = "11111111-1111-4111-8111-111111111111"
DOCUMENT = "22222222-2222-4222-8222-222222222222"

router = Router()


class NewDataset(WireModel):
    """A dataset to make."""

    name: str = Field(max_length=40, description="Its name.")
    top_k: int = Field(default=3, ge=1, description="How many.")


class Settings(WireModel):
    """Settings of an upload, none required."""

    name: str | None = Field(default=None, description="Its name.")
    process_rule: dict[str, object] | None = Field(default=None, description="Its rule.")
    duplicate: bool = Field(default=True, description="Whether to keep both.")


class Wanted(WireModel):
    """Which datasets to list."""

    keyword: str | None = Field(default=None, description="Part of the name.")


class NamedBody(TypedDict):
    """A reply."""

    id: Annotated[Id, "Its id."]


async def get_dataset(actor: ActorDep, dataset_id: str) -> str:
    """Return the dataset in the path. Raises NotFound and Forbidden."""
    if dataset_id == SWITCHED_OFF:
        raise Forbidden("Dataset api access is not enabled.")
    if dataset_id != DATASET:
        raise NotFound("Dataset not found.")
    return dataset_id


DatasetDep = Annotated[str, Depends(get_dataset)]


def get_document(dataset: DatasetDep, document_id: str) -> str:
    """Return the document in the path. Raises NotFound."""
    if document_id != DOCUMENT:
        raise NotFound("Document not found.")
    return document_id


DocumentDep = Annotated[str, Depends(get_document)]


@operation(
    router, "POST", "/datasets", body=NewDataset, reply=NamedBody, errors=(DatasetNameDuplicate,), is_rate_limited=True
)
async def create_dataset(request: Request, actor: ActorDep) -> Response:
    """Create a dataset."""
    body = await read_body(request, NewDataset)
    return encode({"name": body.name, "top_k": body.top_k, "created_by": actor.id})


@operation(router, "GET", "/datasets", query=Wanted, is_paged=True)
async def list_datasets(request: Request, actor: ActorDep) -> Response:
    """List datasets."""
    wanted = read_query(request, Wanted)
    return encode(page_body([wanted.keyword], 1, read_page(request)))


@operation(router, "GET", "/datasets/{dataset_id:id}", reply=NamedBody)
async def get_one(request: Request, dataset: DatasetDep) -> Response:
    """Give a dataset."""
    return encode({"id": await in_thread(str, dataset)})


@operation(router, "PATCH", "/datasets/{dataset_id:id}", body=Settings)
async def update_dataset(request: Request, dataset: DatasetDep) -> Response:
    """Change a dataset."""
    body = await read_body(request, Settings)
    return encode({"name": body.name})


@operation(router, "DELETE", "/datasets/{dataset_id:id}", status=204, is_rate_limited=True)
async def delete_dataset(request: Request, dataset: DatasetDep) -> Response:
    """Delete a dataset."""
    return no_content()


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/documents/{document_id:id}/update-by-text",
    aliases=("/datasets/{dataset_id:id}/documents/{document_id:id}/update_by_text",),
    body=NewDataset,
    errors=(NotFound,),
    is_rate_limited=True,
)
async def update_document(request: Request, document: DocumentDep) -> Response:
    """Change a document."""
    body = await read_body(request, NewDataset)
    return encode({"id": document, "name": body.name})


@operation(
    router,
    "POST",
    "/datasets/{dataset_id:id}/document/create-by-file",
    body=Settings,
    is_upload=True,
    errors=(UnsupportedFileType,),
)
async def create_by_file(request: Request, dataset: DatasetDep) -> Response:
    """Create a document of a file."""
    async with read_upload(request) as upload:
        fields = parse(Settings, upload.fields)
        file = upload.one_file()
        if file.name.endswith(".exe"):
            raise UnsupportedFileType
        file.check_size()
        return encode(
            {
                "name": fields.name or file.name,
                "process_rule": fields.process_rule,
                "duplicate": fields.duplicate,
                "mime_type": file.mime_type,
                "size": file.size_bytes,
                "content": file.path.read_bytes().decode("latin-1"),
            }
        )


@operation(router, "GET", "/datasets/{dataset_id:id}/documents/{batch}/indexing-status")
async def batch_status(request: Request, dataset: DatasetDep, batch: str) -> Response:
    """Tell a batch's progress."""
    return encode({"batch": batch})


class Broken(Exception):
    """Something nobody expected."""


@operation(router, "POST", "/failures/{kind}", is_keyed=False)
async def fail(request: Request, kind: str) -> Response:
    """Fail in a given way."""
    if kind == "disk":
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/path")
    if kind == "read-only":
        raise OSError(errno.EROFS, "Read-only file system", "/secret/path")
    if kind == "bad":
        raise BadRequest
    raise Broken("SELECT secret FROM documents")
