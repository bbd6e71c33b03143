"""Routes of knowledge pipelines: uploads for them, their nodes and their runs (contract 9)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.datasets.deps import DatasetDep
from zhiku.documents.file_types import check_filename, shorten_name
from zhiku.documents.source import FileSource
from zhiku.errors import (
    FilenameMissing,
    FileTooLarge,
    Forbidden,
    InvalidParam,
    NoFileUploaded,
    NotFound,
    TooManyFiles,
    UnsupportedFileType,
)
from zhiku.http.auth import ActorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.reply import Media, OpenObject
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode
from zhiku.http.upload import UploadedFile, read_upload
from zhiku.pipelines import service
from zhiku.pipelines.schemas import (
    DatasourceNodeBody,
    ListNodes,
    PipelineUploadBody,
    RunDatasource,
    RunPipeline,
    read_items,
    upload_body,
)

router = Router()

PIPELINE = "/datasets/{dataset_id:id}/pipeline"
NODE_ERRORS = (NotFound, Forbidden, InvalidParam)


@operation(
    router,
    "POST",
    "/datasets/pipeline/file-upload",
    is_upload=True,
    reply=PipelineUploadBody,
    status=201,
    errors=(NoFileUploaded, TooManyFiles, FilenameMissing, FileTooLarge, UnsupportedFileType),
)
async def upload_pipeline_file(request: Request, rt: RuntimeDep, actor: ActorDep) -> Response:
    """Upload a file for a pipeline; a run names it by its id."""
    async with read_upload(request) as upload:
        source = _checked_source(upload.one_file())
        return encode(upload_body(await in_thread(service.upload_file, rt, actor, source)), 201)


@operation(
    router,
    "GET",
    PIPELINE + "/datasource-plugins",
    query=ListNodes,
    reply=list[DatasourceNodeBody],
    errors=NODE_ERRORS,
)
async def list_datasource_nodes(request: Request, dataset: DatasetDep) -> Response:
    """List the nodes that bring documents into a dataset's pipeline.

    A dataset without a pipeline, which is every one in this version, is refused: "Pipeline not found".
    """
    read_query(request, ListNodes)
    service.refuse_without_pipeline()


@operation(
    router,
    "POST",
    PIPELINE + "/datasource/nodes/{node_id}/run",
    body=RunDatasource,
    reply=Media("Events of the run, as they come.", ("text/event-stream",), is_text=True),
    errors=NODE_ERRORS,
)
async def run_datasource_node(request: Request, dataset: DatasetDep, node_id: str) -> Response:
    """Run one datasource node of a dataset's pipeline, to see what it would bring.

    A dataset without a pipeline, which is every one in this version, is refused: "Pipeline not found".
    """
    await read_body(request, RunDatasource)
    service.refuse_without_pipeline()


@operation(router, "POST", PIPELINE + "/run", body=RunPipeline, reply=OpenObject, errors=NODE_ERRORS)
async def run_pipeline(request: Request, dataset: DatasetDep) -> Response:
    """Run a dataset's pipeline: every item becomes a document.

    A dataset without a pipeline, which is every one in this version, is refused: "Pipeline not found".
    """
    read_items(await read_body(request, RunPipeline))
    service.refuse_without_pipeline()


def _checked_source(file: UploadedFile) -> FileSource:
    """Return the file, if its type is one that a pipeline can read. Raises UnsupportedFileType, FileTooLarge."""
    check_filename(file.name)
    if file.mime_type is None:
        raise UnsupportedFileType
    file.check_size()
    name = shorten_name(file.name)
    return FileSource(name=name, filename=name, path=file.path, size_bytes=file.size_bytes)
