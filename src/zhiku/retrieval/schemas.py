"""What the retrieve route takes and gives back (contract 5.1, 5.5)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NotRequired, TypedDict, cast

import msgspec
from pydantic import BeforeValidator, Field

from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.http.reply import Id, OpenObject
from zhiku.http.schema import WireModel, example
from zhiku.retrieval.store import ChildRef, DocumentRef
from zhiku.segments.schemas import AttachmentBody, SegmentCoreBody
from zhiku.segments.store import Segment

QUERY_CHARS = 250

MetadataValue = str | int | float | None


def _attachments(raw: object) -> object:
    if raw is not None and not isinstance(raw, list):
        raise ValueError("Attachment_ids must be a list")
    return cast(object, raw)


class RetrieveRequest(WireModel):
    """A question to a dataset."""

    model_config = example(
        query="When is the reading room open?",
        retrieval_model={"search_method": "hybrid_search", "top_k": 3, "score_threshold_enabled": False},
    )

    max_query_chars: ClassVar[int] = QUERY_CHARS

    query: str | None = Field(default=None, description="The question, at most 250 characters.")
    retrieval_model: RetrievalModel | None = Field(default=None, description="Replaces the dataset's own.")
    external_retrieval_model: dict[str, Any] | None = Field(default=None, description="For external datasets.")
    attachment_ids: Annotated[list[str] | None, BeforeValidator(_attachments)] = Field(
        default=None, description="Uploaded images to search with."
    )
    metadata_filtering_conditions: MetadataConditions | None = Field(
        default=None, description="Which documents may answer, where the retrieval model does not say it."
    )


class MatchedChild(msgspec.Struct, frozen=True):
    """A child chunk by which a segment was found, and how well it fits, in [0, 1]."""

    child: ChildRef
    score: float


class Record(msgspec.Struct, frozen=True):
    """One answer: a segment, its document and how well it fits, in [0, 1]."""

    segment: Segment
    document: DocumentRef
    score: float
    children: list[MatchedChild]
    metadata: Mapping[str, MetadataValue] = msgspec.field(default_factory=dict[str, str | int | float | None])
    # Answers of the segment that its row does not tell yet.
    more_hits: int = 0
    # Its summary, where the question met that.
    summary: str | None = None


Score = Annotated[float, ("minimum", 0), ("maximum", 1)]


class QueryBody(TypedDict):
    """The question that was asked."""

    content: Annotated[str, "The question, as it was sent."]


class RecordDocumentBody(TypedDict):
    """The document of a segment that was found."""

    id: Annotated[Id, "Id of the document."]
    data_source_type: Annotated[str, "Where its content came from."]
    name: Annotated[str, "Its name."]
    doc_type: Annotated[str | None, "Always null."]
    doc_metadata: Annotated[
        Mapping[str, Any], "Its metadata by field names: texts, numbers or null, unless a source sent others."
    ]


class RecordSegmentBody(SegmentCoreBody):
    """A segment that was found."""

    document: Annotated[RecordDocumentBody, "Its document."]


class RecordChildBody(TypedDict):
    """A child chunk by which a segment was found."""

    id: Annotated[Id, "Id of the child chunk."]
    content: Annotated[str, "The text."]
    position: Annotated[int, "Its place in the segment, from 1.", ("minimum", 1)]
    score: Annotated[Score, "How well it fits."]


class MapPositionBody(TypedDict):
    """A place on the dataset's map."""

    x: Annotated[float, "From left to right."]
    y: Annotated[float, "From bottom to top."]


class RecordBody(TypedDict):
    """One answer: a segment and how well it fits."""

    segment: Annotated[RecordSegmentBody, "The segment."]
    child_chunks: Annotated[list[RecordChildBody], "The child chunks by which it was found, best first."]
    score: Annotated[Score, "How well it fits; means the same for every question."]
    tsne_position: Annotated[MapPositionBody | None, "Its place on the dataset's map; null without one."]
    files: Annotated[list[AttachmentBody], "Its images."]
    summary: Annotated[str | None, "Its summary, if the question met that; else null."]
    content: NotRequired[Annotated[str, "The text again, where the dataset is external."]]
    title: NotRequired[Annotated[str, "The document's name again, where the dataset is external."]]
    metadata: NotRequired[Annotated[OpenObject, "The document's metadata again, where the dataset is external."]]


class RetrieveBody(TypedDict):
    """The answers to a question."""

    query: Annotated[QueryBody, "The question."]
    records: Annotated[list[RecordBody], "The answers, best first."]
