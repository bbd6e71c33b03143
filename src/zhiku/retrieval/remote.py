"""Questions to external datasets: what their source is asked, and its records as the contract shows them (10.2)."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid5

import msgspec
from pydantic import Field

from zhiku.datasets.binding_store import BoundSource, find_source
from zhiku.datasets.bindings import AskedHow, asked_how
from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.schemas import ExternalRetrievalModel
from zhiku.datasets.store import Dataset
from zhiku.errors import InvalidParam
from zhiku.http.schema import WireModel, parse
from zhiku.outbound.source import SourceFailed, ask_source, key_place
from zhiku.retrieval.plan import checked_query, chosen_conditions, effective_model
from zhiku.retrieval.schemas import RecordBody, RetrieveBody, RetrieveRequest
from zhiku.runtime import Runtime
from zhiku.text.tokens import count_tokens
from zhiku.vault import SecretUnreadable, unseal

NO_SOURCE = "The dataset is not bound to an external source."
KEY_UNREADABLE = "The key of the external source cannot be read; enter it again at its connection."


class _AskedHow(WireModel):
    """The part of a request that is meant for external datasets, so that a refusal names the whole field."""

    external_retrieval_model: ExternalRetrievalModel | None = Field(default=None)


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """One record of a source; `score` is in [0, 1]."""

    content: str
    title: str
    score: float
    metadata: dict[str, Any]


def answer_from_source(rt: Runtime, dataset: Dataset, request: RetrieveRequest) -> RetrieveBody:
    """Return what an external dataset's source answers, best first, at most `top_k`. Blocks for up to 10 seconds.

    Raises InvalidParam for a wrong question and, with the source's own words, if it refuses or does not answer.
    """
    query = checked_query(request)
    wanted = parse(_AskedHow, {"external_retrieval_model": request.external_retrieval_model})
    if query is None:
        return {"query": {"content": request.query or ""}, "records": []}
    with rt.db.read() as conn:
        source = find_source(conn, dataset.id)
    if source is None:
        raise InvalidParam(NO_SOURCE)
    how = asked_how(source, wanted.external_retrieval_model)
    conditions = chosen_conditions(request, effective_model(dataset, request))
    found = _kept(_ask(rt, source, query, how, conditions), how)
    return {
        "query": {"content": query},
        "records": [_record_body(dataset, record, position) for position, record in enumerate(found, 1)],
    }


def _ask(
    rt: Runtime, source: BoundSource, query: str, how: AskedHow, conditions: MetadataConditions | None
) -> list[RemoteRecord]:
    question = {
        "retrieval_setting": {
            "top_k": how.top_k,
            "score_threshold": how.score_threshold if how.score_threshold_enabled else 0.0,
        },
        "query": query,
        "knowledge_id": source.binding.external_knowledge_id,
        "metadata_condition": conditions.model_dump() if conditions else None,
    }
    try:
        key = unseal(rt.settings, source.sealed_key, key_place(source.binding.connection_id))
        records = ask_source(rt.settings, source.endpoint, key, question)
    except SecretUnreadable as error:
        raise InvalidParam(KEY_UNREADABLE) from error
    except SourceFailed as error:
        raise InvalidParam(str(error)) from error
    return [_read_record(record) for record in records]


def _read_record(raw: Mapping[str, Any]) -> RemoteRecord:
    """Return a record of a source with what it left out or sent as null filled in."""
    score, metadata = raw.get("score"), raw.get("metadata")
    return RemoteRecord(
        content=_text(raw.get("content")),
        title=_text(raw.get("title")),
        score=_score(score),
        metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
    )


def _score(raw: object) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return 0.0
    return float(min(max(raw, 0.0), 1.0))


def _text(raw: object) -> str:
    return raw if isinstance(raw, str) else "" if raw is None else msgspec.json.encode(raw).decode()


def _kept(found: Sequence[RemoteRecord], how: AskedHow) -> list[RemoteRecord]:
    """Return the records to show: not below the threshold, best first, a text of a document once, at most `top_k`."""
    threshold = how.score_threshold if how.score_threshold_enabled else 0.0
    best: dict[tuple[str, str], RemoteRecord] = {}
    for record in sorted(found, key=lambda each: -each.score):
        if record.score >= threshold:
            best.setdefault((record.title, record.content), record)
    return list(best.values())[: how.top_k]


def _record_body(dataset: Dataset, record: RemoteRecord, position: int) -> RecordBody:
    """Return a record in the shape of a dataset's own; its ids are the same whenever the source sends the same text."""
    space = UUID(dataset.id)
    segment_id = str(uuid5(space, f"segment\n{record.title}\n{record.content}"))
    document_id = str(uuid5(space, f"document\n{record.title}"))
    created_at = int(dataset.created_at)
    return {
        "segment": {
            "id": segment_id,
            "position": position,
            "document_id": document_id,
            "content": record.content,
            "sign_content": record.content,
            "answer": None,
            "word_count": len(record.content),
            "tokens": count_tokens(record.content),
            "keywords": [],
            "place": None,
            "index_node_id": segment_id,
            "index_node_hash": hashlib.sha256(record.content.encode()).hexdigest(),
            "hit_count": 0,
            "enabled": True,
            "disabled_at": None,
            "disabled_by": None,
            "status": "completed",
            "created_by": dataset.created_by,
            "created_at": created_at,
            "updated_at": created_at,
            "updated_by": dataset.created_by,
            "indexing_at": created_at,
            "completed_at": created_at,
            "error": None,
            "stopped_at": None,
            "document": {
                "id": document_id,
                "data_source_type": "external",
                "name": record.title,
                "doc_type": None,
                "doc_metadata": record.metadata,
            },
        },
        "child_chunks": [],
        "score": record.score,
        "tsne_position": None,
        "files": [],
        "summary": None,
        "content": record.content,
        "title": record.title,
        "metadata": record.metadata,
    }
