"""What document routes take and give back (contract 3.1, 3.3)."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field

from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.datasets.schemas import IndexingTechnique
from zhiku.datasets.store import ProcessRuleRow
from zhiku.documents.store import Document, DocumentRow, Progress, Upload
from zhiku.errors import InvalidMetadata
from zhiku.http.schema import ContentText, WireModel

NAME_CHARS = 200
DocumentForm = Literal["text_model", "hierarchical_model", "qa_model"]
_STATUSES = frozenset(
    [
        "queuing",
        "indexing",
        "paused",
        "error",
        "available",
        "disabled",
        "archived",
        "waiting",
        "parsing",
        "cleaning",
        "splitting",
        "completed",
    ]
)
_ALIASES = {"active": "available", "enabled": "available"}
_MADE_BY_WORK = ("parsing", "cleaning", "splitting", "indexing")


def _known_status(status: str | None) -> str | None:
    if status is None:
        return None
    status = _ALIASES.get(status, status)
    if status not in _STATUSES:
        raise ValueError(f"must be one of {', '.join(sorted(_STATUSES))}")
    return status


def _not_blank(name: str) -> str:
    if not name.strip():
        raise ValueError("must not be blank")
    return name


class ContentSettings(WireModel):
    """How a document's content is to be cut and indexed; what the dataset has fixed already is ignored."""

    doc_form: DocumentForm | None = Field(default=None, description="How the text becomes segments.")
    process_rule: dict[str, Any] | None = Field(default=None, description="How the text is cleaned and cut.")
    retrieval_model: RetrievalModel | None = Field(default=None, description="Used while the dataset has none.")
    embedding_model: str | None = Field(default=None, max_length=255, description="Used while the dataset has none.")
    embedding_model_provider: str | None = Field(default=None, max_length=255, description="Its provider.")


class DocumentSettings(ContentSettings):
    """What a new document says beside its content."""

    indexing_technique: IndexingTechnique | None = Field(
        default=None, description="Required while the dataset has none; ignored afterwards."
    )
    doc_language: str = Field(default="English", max_length=255, description="Language of the text.")
    original_document_id: str | None = Field(default=None, description="Update this document instead.")
    duplicate: bool = Field(default=True, description="False: never replace a document of the same name.")


class CreateByText(DocumentSettings):
    """A document made from a text."""

    name: Annotated[str, AfterValidator(_not_blank)] = Field(description="Shown name, cut to 200 characters.")
    text: ContentText = Field(description="The content; may be empty. NUL is dropped.")


class CreateByFile(DocumentSettings):
    """The `data` part of an upload."""

    name: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        default=None, description="Shown name; the file's name if absent."
    )


class UpdateByFile(ContentSettings):
    """The `data` part of an update, or its whole body if no file comes; what is absent stays as it is."""

    name: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        default=None, description="New name, cut to 200 characters; the file's name if one comes."
    )
    doc_language: str | None = Field(default=None, max_length=255, description="Language of the text.")


class UpdateByText(UpdateByFile):
    """An update of a document from a text; what is absent stays as it is."""

    text: ContentText | None = Field(default=None, description="The new content; may be empty. NUL is dropped.")


class ChangeStatus(WireModel):
    """Which documents to switch."""

    document_ids: list[str] = Field(default_factory=list, description="Ids; unknown ones are skipped.")


class DownloadZip(WireModel):
    """Whose files to pack."""

    document_ids: list[str] = Field(min_length=1, max_length=100, description="Ids; a repeated one is packed once.")


class SignedLink(WireModel):
    """What a signed link to a file carries."""

    timestamp: str = Field(default="", description="When the link was made, epoch seconds.")
    nonce: str = Field(default="", description="What makes each link another.")
    sign: str = Field(default="", description="The signature.")
    as_attachment: str = Field(default="", description="`true` to save the file instead of showing it.")


class ListDocuments(WireModel):
    """Which documents to list."""

    keyword: str | None = Field(default=None, description="Part of the name, case-insensitive.")
    status: Annotated[str | None, AfterValidator(_known_status)] = Field(
        default=None, description="A display status or an indexing status."
    )


def display_status(document: Document) -> str:
    """Return the status a person reads (contract 4.7)."""
    if document.paused_at is not None and document.indexing_status not in ("completed", "error"):
        return "paused"
    if document.indexing_status == "waiting":
        return "queuing"
    if document.indexing_status in _MADE_BY_WORK:
        return "indexing"
    if document.indexing_status == "error":
        return "error"
    if document.is_archived:
        return "archived"
    return "available" if document.is_enabled else "disabled"


def document_body(row: DocumentRow) -> dict[str, Any]:
    """Return the Document object of lists and of create replies."""
    document = row.document
    return {
        "id": document.id,
        "position": document.position,
        "data_source_type": document.data_source_type,
        "data_source_info": {"upload_file_id": row.upload.id},
        "data_source_detail_dict": {"upload_file": upload_body(row.upload)},
        "dataset_process_rule_id": document.process_rule_id,
        **_shared(document),
        "tokens": document.tokens,
        "word_count": document.word_count,
        "doc_metadata": metadata_body(row),
    }


def document_detail_body(
    row: DocumentRow, dataset_rule: dict[str, Any], document_rule: ProcessRuleRow, segment_count: int, part: str
) -> dict[str, Any]:
    """Return the document's detail; `part` is all, only or without, as asked by the `metadata` parameter."""
    document = row.document
    metadata: dict[str, Any] = {"doc_type": None, "doc_metadata": metadata_body(row)}
    if part == "only":
        return {"id": document.id, **metadata}
    latency = None
    if document.completed_at is not None and document.processing_started_at is not None:
        latency = round(document.completed_at - document.processing_started_at, 3)
    body = {
        "id": document.id,
        "position": document.position,
        "data_source_type": document.data_source_type,
        "data_source_info": {"upload_file": upload_body(row.upload)},
        "dataset_process_rule_id": document.process_rule_id,
        "dataset_process_rule": dataset_rule,
        "document_process_rule": rule_body(document_rule) | {"dataset_id": document_rule.dataset_id},
        **_shared(document),
        "tokens": document.tokens,
        "word_count": document.word_count,
        "completed_at": _seconds(document.completed_at),
        "updated_at": int(document.updated_at),
        "indexing_latency": latency,
        "segment_count": segment_count,
        "average_segment_length": document.word_count // segment_count if segment_count else 0,
        "doc_language": document.doc_language,
    }
    return body if part == "without" else body | metadata


def metadata_body(row: DocumentRow) -> list[dict[str, Any]]:
    """Return a document's metadata as lists and details show it."""
    return [{"id": one.id, "name": one.name, "type": one.type, "value": one.value} for one in row.metadata]


def metadata_part(value: str | None) -> str:
    """Return which part of a detail is wanted. Raises InvalidMetadata."""
    if value is None:
        return "all"
    if value not in ("all", "only", "without"):
        raise InvalidMetadata(f"Invalid metadata value: {value}")
    return value


def rule_body(rule: ProcessRuleRow) -> dict[str, Any]:
    """Return a stored process rule as the wire shows it."""
    return {"id": rule.id, "mode": rule.mode, "rules": msgspec.json.decode(rule.rules_json)}


def upload_body(upload: Upload) -> dict[str, Any]:
    """Return the UploadFile object."""
    return {
        "id": upload.id,
        "name": upload.name,
        "size": upload.size_bytes,
        "extension": upload.extension,
        "mime_type": upload.mime_type,
        "created_by": upload.created_by,
        "created_at": int(upload.created_at),
    }


def upload_link_body(upload: Upload, link: str, download_link: str) -> dict[str, Any]:
    """Return a document's file with signed links to it."""
    return upload_body(upload) | {"url": link, "download_url": download_link}


def progress_body(progress: Progress) -> dict[str, Any]:
    """Return one entry of a batch's indexing status."""
    document = progress.document
    is_paused = document.paused_at is not None and document.indexing_status not in ("completed", "error")
    return {
        "id": document.id,
        "indexing_status": "paused" if is_paused else document.indexing_status,
        "processing_started_at": _seconds(document.processing_started_at),
        "parsing_completed_at": _seconds(document.parsing_completed_at),
        "cleaning_completed_at": _seconds(document.cleaning_completed_at),
        "splitting_completed_at": _seconds(document.splitting_completed_at),
        "completed_at": _seconds(document.completed_at),
        "paused_at": _seconds(document.paused_at),
        "error": document.error,
        "stopped_at": _seconds(document.stopped_at),
        "completed_segments": progress.completed_segments,
        "total_segments": progress.total_segments,
    }


def _shared(document: Document) -> dict[str, Any]:
    """Return what a document shows in lists and in its detail alike."""
    return {
        "name": document.name,
        "created_from": document.created_from,
        "created_by": document.created_by,
        "created_at": int(document.created_at),
        "indexing_status": document.indexing_status,
        "error": document.error,
        "enabled": document.is_enabled,
        "disabled_at": _seconds(document.disabled_at),
        "disabled_by": document.disabled_by,
        "archived": document.is_archived,
        "display_status": display_status(document),
        "hit_count": document.hit_count,
        "doc_form": document.doc_form,
        "summary_index_status": None,
        "need_summary": document.is_summary_needed,
    }


def _seconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
