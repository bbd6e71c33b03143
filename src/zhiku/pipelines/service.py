"""Rules of knowledge pipelines: their uploads, and which datasets have one."""

from typing import NoReturn
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.documents.file_types import mime_type_of, split_name
from zhiku.documents.source import FileSource, stored
from zhiku.errors import InvalidParam
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgePipelineUpload
from zhiku.pipelines import store
from zhiku.pipelines.store import PipelineUpload
from zhiku.runtime import Runtime

KEPT_SECONDS = 24 * 60 * 60.0
"""How long an upload waits for a pipeline to take it."""


def upload_file(rt: Runtime, actor: Actor, source: FileSource) -> PipelineUpload:
    """Store a file for a pipeline and return its row; a job removes it a day later. Raises StorageFull."""
    upload_id = str(uuid4())
    upload = PipelineUpload(
        id=upload_id,
        name=source.filename,
        size_bytes=source.size_bytes,
        extension=split_name(source.filename)[1].lower(),
        mime_type=mime_type_of(source.filename),
        blob_key=blob_key_of(upload_id),
        created_by=actor.id,
        created_at=rt.clock.now(),
    )
    with stored(rt.blobs, [(source, upload.blob_key)]), rt.db.begin() as tx:
        store.insert_upload(tx, upload)
        job = PurgePipelineUpload(upload_id)
        queue.enqueue_later(tx, rt.clock, job, KEPT_SECONDS, subject=f"pipeline-upload:{upload_id}")
    return upload


def blob_key_of(upload_id: str) -> str:
    """Return the key of an upload's file."""
    return f"pipeline/{upload_id}"


def refuse_without_pipeline() -> NoReturn:
    """Raise InvalidParam for a dataset that no pipeline fills, which today is every one (contract 9)."""
    raise InvalidParam("Pipeline not found")
