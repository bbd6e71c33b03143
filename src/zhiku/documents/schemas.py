"""What document routes take (contract 3.3); what they give back is in replies.py."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.datasets.schemas import IndexingTechnique
from zhiku.documents.store import Document
from zhiku.errors import InvalidMetadata
from zhiku.http.schema import ContentText, WireModel, example

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

    model_config = example(
        name="Opening hours",
        text="The reading room is open from 9 to 18.",
        indexing_technique="high_quality",
        process_rule={"mode": "automatic"},
    )

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


class RecutDocuments(WireModel):
    """How all documents of a dataset are to be cut."""

    model_config = example(
        process_rule={"mode": "custom", "rules": {"segmentation": {"separator": "\n\n", "max_tokens": 500}}}
    )

    process_rule: dict[str, Any] = Field(description="How the texts are cleaned and cut; the dataset's newest rule.")


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


def metadata_part(value: str | None) -> str:
    """Return which part of a detail is wanted. Raises InvalidMetadata."""
    if value is None:
        return "all"
    if value not in ("all", "only", "without"):
        raise InvalidMetadata(f"Invalid metadata value: {value}")
    return value


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
