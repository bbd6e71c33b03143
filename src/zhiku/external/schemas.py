"""What the external knowledge API takes and gives, as Zhiku serves it to others (contract 10.1)."""

from typing import Annotated, Any, ClassVar, TypedDict, cast

from pydantic import BeforeValidator, Field

from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.http.schema import WireModel
from zhiku.retrieval.schemas import Record, RetrieveRequest

LONG_QUERY_CHARS = 10_000
DEFAULT_TOP_K = 3


class LongQuestion(RetrieveRequest):
    """A question of another program: it may be a whole conversation, where a person's has 250 characters."""

    max_query_chars: ClassVar[int] = LONG_QUERY_CHARS


class RetrievalSetting(WireModel):
    """How many records are wanted, and how good."""

    top_k: int = Field(default=DEFAULT_TOP_K, ge=1, le=200, description="Most records to return.")
    score_threshold: float = Field(default=0.0, description="Least score of a record; 0 is none.")


def _one_name(raw: object) -> object:
    """Read a name that comes as a list of one, as some callers write it."""
    if not isinstance(raw, dict):
        return raw
    sent = cast("dict[str, Any]", raw)
    conditions = sent.get("conditions")
    if not isinstance(conditions, list):
        return sent
    return {**sent, "conditions": [_with_one_name(each) for each in cast("list[object]", conditions)]}


def _with_one_name(condition: object) -> object:
    if not isinstance(condition, dict):
        return condition
    sent = cast("dict[str, Any]", condition)
    match sent.get("name"):
        case [str() as name]:
            return {**sent, "name": name}
        case _:
            return sent


class ExternalQuestion(WireModel):
    """A question of a program that mounted one of the datasets."""

    knowledge_id: str = Field(description="Id of the dataset, or its exact name; empty to try the connection.")
    query: str = Field(description="The question, at most 10,000 characters.")
    retrieval_setting: RetrievalSetting = Field(
        default_factory=RetrievalSetting, description="How many answers, and how good they must be."
    )
    metadata_condition: Annotated[MetadataConditions | None, BeforeValidator(_one_name)] = Field(
        default=None, description="Which documents may answer."
    )


class ExternalRecordBody(TypedDict):
    """One answer."""

    content: Annotated[str, "The segment's text; in a Q&A document question and answer, one on each line."]
    score: Annotated[float, "How well it fits, from 0 to 1.", ("minimum", 0), ("maximum", 1)]
    title: Annotated[str, "Name of the document."]
    metadata: Annotated[dict[str, Any], "Where it stands, and the document's metadata."]


class ExternalAnswerBody(TypedDict):
    """The answers, best first."""

    records: Annotated[list[ExternalRecordBody], "At most `top_k`."]


class ExternalRefusalBody(TypedDict):
    """What a refusal of this API looks like."""

    error_code: Annotated[int, "1001 header, 1002 key, 1003 request, 2001 dataset."]
    error_msg: Annotated[str, "What is wrong, for a person."]


def answer_body(dataset_id: str, records: list[Record]) -> ExternalAnswerBody:
    """Return the reply to a question."""
    return {"records": [_record_body(dataset_id, record) for record in records]}


def _record_body(dataset_id: str, record: Record) -> ExternalRecordBody:
    segment = record.segment
    place = {
        "dataset_id": dataset_id,
        "document_id": record.document.id,
        "document_name": record.document.name,
        "segment_id": segment.id,
        "position": segment.position,
    }
    return {
        "content": segment.content if segment.answer is None else f"{segment.content}\n{segment.answer}",
        "score": record.score,
        "title": record.document.name,
        # A field of the document's own may be called as one of ours; where it stands must stay true.
        "metadata": {**record.metadata, **place},
    }
