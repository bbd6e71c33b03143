"""SQL of the pictures inside of stored files; they go with their file."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, bindparam, false, insert, select

from zhiku.db.tables import pictures, uploads
from zhiku.documents.store import Upload


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture of an upload, about to be kept."""

    id: str
    upload_id: str
    name: str
    size_bytes: int
    extension: str
    mime_type: str
    blob_key: str


_AS_FILE = (
    select(
        pictures.c.id,
        uploads.c.dataset_id,
        uploads.c.document_id,
        pictures.c.name,
        pictures.c.size_bytes,
        pictures.c.extension,
        pictures.c.mime_type,
        pictures.c.blob_key,
        false().label("is_text"),
        uploads.c.created_by,
        uploads.c.created_at,
    )
    .join(uploads, uploads.c.id == pictures.c.upload_id)
    .where(pictures.c.id.in_(bindparam("picture_ids", expanding=True)))
)


def insert_pictures(tx: Connection, new: Sequence[NewPicture]) -> None:
    """Add the rows of pictures, at least one, that have been stored."""
    tx.execute(
        insert(pictures), [{field.name: getattr(each, field.name) for field in fields(NewPicture)} for each in new]
    )


def list_picture_ids(conn: Connection, upload_id: str) -> set[str]:
    """Return the ids of the pictures kept of a file."""
    return set(conn.execute(select(pictures.c.id).where(pictures.c.upload_id == upload_id)).scalars())


def list_picture_files(conn: Connection, picture_ids: Collection[str]) -> list[Upload]:
    """Return those of the pictures that are kept, each as the stored file of its document that it is, in no order."""
    return [Upload(*row) for row in conn.execute(_AS_FILE, {"picture_ids": list(picture_ids)})]


def find_picture_file(conn: Connection, picture_id: str) -> Upload | None:
    """Return a picture as a stored file, or None."""
    found = list_picture_files(conn, [picture_id])
    return found[0] if found else None
