"""SQL of files that were uploaded for knowledge pipelines."""

from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, insert

from zhiku.db.tables import pipeline_uploads


@dataclass(frozen=True, slots=True)
class PipelineUpload:
    """A row of `pipeline_uploads`."""

    id: str
    name: str
    size_bytes: int
    extension: str
    mime_type: str
    blob_key: str
    created_by: str
    created_at: float


def insert_upload(tx: Connection, upload: PipelineUpload) -> None:
    """Add an upload."""
    tx.execute(insert(pipeline_uploads), {field.name: getattr(upload, field.name) for field in fields(PipelineUpload)})


def delete_upload(tx: Connection, upload_id: str) -> None:
    """Remove an upload; nothing happens if it is gone."""
    tx.execute(delete(pipeline_uploads).where(pipeline_uploads.c.id == upload_id))
