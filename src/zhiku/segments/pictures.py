"""The pictures of segments in replies: links that open without a key, and lists of them (contract 3.1, 4.11, 5.5)."""

import re
from collections.abc import Iterable, Sequence

from zhiku.documents import picture_store
from zhiku.documents.files import IMAGE, FileLinks, make_links
from zhiku.documents.picture_links import PICTURE_LINK, has_pictures, list_picture_ids
from zhiku.documents.store import Upload
from zhiku.runtime import Runtime
from zhiku.segments.schemas import AttachmentBody, SegmentBody, SegmentCoreBody, segment_core
from zhiku.segments.store import Segment

MOST_ATTACHMENTS = 10

_Found = dict[tuple[str, str], Upload]


def has_links(bodies: Iterable[SegmentCoreBody]) -> bool:
    """Whether any of the segments may link to a picture, so that `show_pictures` has something to do."""
    return any(has_pictures(text) for body in bodies for text in _texts(body))


def show_pictures(rt: Runtime, base: str, bodies: Sequence[SegmentCoreBody]) -> list[list[AttachmentBody]]:
    """Sign the links in segments' `sign_content` and return the pictures of each, at most 10.

    Only pictures of a segment's own document are signed: anybody who writes segments could name others.
    """
    wanted = {picture_id for body in bodies for text in _texts(body) for picture_id in list_picture_ids(text)}
    with rt.db.read() as conn:
        files = picture_store.list_picture_files(conn, wanted) if wanted else []
    if not files:
        return [[] for _ in bodies]
    found = {(file.document_id, file.id): file for file in files}
    links = make_links(rt, base)
    return [_show(body, found, links) for body in bodies]


def attach_pictures(rt: Runtime, base: str, bodies: Sequence[SegmentBody]) -> None:
    """Sign the links of segments as `show_pictures` does, and list the pictures in `attachments`."""
    for body, attachments in zip(bodies, show_pictures(rt, base, bodies), strict=True):
        body["attachments"] = attachments


def list_shown(rt: Runtime, segments: Sequence[Segment]) -> dict[str, list[AttachmentBody]]:
    """Return the pictures of each segment by its id, with links for pages of this server itself."""
    shown = show_pictures(rt, "", [segment_core(segment) for segment in segments])
    return {segment.id: pictures for segment, pictures in zip(segments, shown, strict=True)}


def _texts(body: SegmentCoreBody) -> tuple[str, str]:
    return body["content"], body["answer"] or ""


def _show(body: SegmentCoreBody, found: _Found, links: FileLinks) -> list[AttachmentBody]:
    document_id = body["document_id"]

    def sign(link: re.Match[str]) -> str:
        is_own = (document_id, link[2]) in found
        return f"![{link[1]}]({links.sign(link[2], IMAGE)})" if is_own else link[0]

    body["sign_content"] = PICTURE_LINK.sub(sign, body["content"])
    shown = dict.fromkeys(picture_id for text in _texts(body) for picture_id in list_picture_ids(text))
    own = [found[document_id, picture_id] for picture_id in shown if (document_id, picture_id) in found]
    return [_attachment(file, links) for file in own[:MOST_ATTACHMENTS]]


def _attachment(file: Upload, links: FileLinks) -> AttachmentBody:
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size_bytes,
        "extension": file.extension,
        "mime_type": file.mime_type,
        "source_url": links.sign(file.id, IMAGE),
    }
