"""What the retrieve route takes and gives back (contract 5.1, 5.5)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, Field

from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.retrieval_model import RetrievalModel
from zhiku.http.schema import WireModel
from zhiku.retrieval.store import ChildRef, DocumentRef
from zhiku.segments.store import Segment

QUERY_CHARS = 250


def _attachments(raw: object) -> object:
    if raw is not None and not isinstance(raw, list):
        raise ValueError("Attachment_ids must be a list")
    return cast(object, raw)


class RetrieveRequest(WireModel):
    """A question to a dataset."""

    query: str | None = Field(default=None, description="The question, at most 250 characters.")
    retrieval_model: RetrievalModel | None = Field(default=None, description="Replaces the dataset's own.")
    external_retrieval_model: dict[str, Any] | None = Field(default=None, description="For external datasets.")
    attachment_ids: Annotated[list[str] | None, BeforeValidator(_attachments)] = Field(
        default=None, description="Uploaded images to search with."
    )
    metadata_filtering_conditions: MetadataConditions | None = Field(
        default=None, description="Which documents may answer, where the retrieval model does not say it."
    )


@dataclass(frozen=True, slots=True)
class MatchedChild:
    """A child chunk by which a segment was found, and how well it fits, in [0, 1]."""

    child: ChildRef
    score: float


@dataclass(frozen=True, slots=True)
class Record:
    """One answer: a segment, its document and how well it fits, in [0, 1]."""

    segment: Segment
    document: DocumentRef
    score: float
    children: list[MatchedChild]
    metadata: Mapping[str, str | int | float | None] = field(default_factory=dict[str, str | int | float | None])
    # Answers of the segment that its row does not tell yet.
    more_hits: int = 0
