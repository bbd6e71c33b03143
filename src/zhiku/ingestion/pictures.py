"""The pictures inside of a file on their way into the blob store (contract 4.11, 13)."""

import hashlib
from collections.abc import Sequence
from uuid import UUID, uuid5

from zhiku.documents import picture_store
from zhiku.documents.picture_links import picture_address
from zhiku.documents.picture_store import NewPicture
from zhiku.documents.store import Upload
from zhiku.ingestion.extract.parts import Picture
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime

EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif"}


def store_pictures(rt: Runtime, context: JobContext, upload: Upload, pictures: Sequence[Picture]) -> dict[int, str]:
    """Keep the pictures of a file, once however often it is read; return their addresses by their numbers.

    Raises StorageFull, LeaseLost.
    """
    made = [_new_picture(upload, picture, number) for number, picture in enumerate(pictures, 1)]
    with rt.db.read() as conn:
        kept = picture_store.list_picture_ids(conn, upload.id)
    missing = [(new, picture) for new, picture in zip(made, pictures, strict=True) if new.id not in kept]
    # Before their rows, which say that they are there.
    for new, picture in missing:
        context.check()
        rt.blobs.put(new.blob_key, picture.content)
    if missing:
        with rt.db.begin() as tx:
            context.checkpoint(tx, context.checkpoint_data)
            picture_store.insert_pictures(tx, [new for new, _ in missing])
    return {number: picture_address(new.id) for number, new in enumerate(made)}


def _new_picture(upload: Upload, picture: Picture, number: int) -> NewPicture:
    # Made of file and content, so that the file read again has the same pictures, and links in segments stay right.
    picture_id = str(uuid5(UUID(upload.id), hashlib.sha256(picture.content).hexdigest()))
    extension = EXTENSIONS[picture.media_type]
    return NewPicture(
        id=picture_id,
        upload_id=upload.id,
        name=f"image-{number}.{extension}",
        size_bytes=len(picture.content),
        extension=extension,
        mime_type=picture.media_type,
        blob_key=f"{upload.dataset_id}/{picture_id}",
    )
