"""External datasets: what they are bound to, and how their source is asked (contract 10.2)."""

from dataclasses import dataclass
from typing import Any

import msgspec

from zhiku.datasets import binding_store
from zhiku.datasets.binding_store import Binding, BoundSource
from zhiku.datasets.schemas import CreateDataset, ExternalRetrievalModel, UpdateDataset
from zhiku.db.engine import Connection
from zhiku.errors import InvalidParam


@dataclass(frozen=True, slots=True)
class AskedHow:
    """How an external source is asked, with all defaults filled in."""

    top_k: int = 2
    score_threshold: float = 0.0
    score_threshold_enabled: bool = False


def check_source_named(request: CreateDataset) -> None:
    """Raise InvalidParam if the request for an external dataset lacks one of the ids."""
    if not request.external_knowledge_id:
        raise InvalidParam("external_knowledge_id is required", params="external_knowledge_id")
    if not request.external_knowledge_api_id:
        raise InvalidParam("external_knowledge_api_id is required", params="external_knowledge_api_id")


def bind(tx: Connection, dataset_id: str, request: CreateDataset) -> None:
    """Bind a new external dataset. Raises InvalidParam if there is no such connection."""
    connection_id = (request.external_knowledge_api_id or "").lower()
    binding = Binding(dataset_id, connection_id, request.external_knowledge_id or "", _encoded(AskedHow()))
    if not (binding_store.is_connection(tx, connection_id) and binding_store.insert_binding(tx, binding)):
        raise InvalidParam("External API template not found.", params="external_knowledge_api_id")


def change_binding(tx: Connection, dataset_id: str, request: UpdateDataset) -> None:
    """Change what the request names of an external dataset; what is absent or empty stays.

    Raises InvalidParam if there is no such connection.
    """
    unknown = InvalidParam("api template not found", params="external_knowledge_api_id")
    values: dict[str, Any] = {}
    if request.external_knowledge_id:
        values["external_knowledge_id"] = request.external_knowledge_id
    if request.external_knowledge_api_id:
        values["connection_id"] = request.external_knowledge_api_id.lower()
        if not binding_store.is_connection(tx, values["connection_id"]):
            raise unknown
    source = binding_store.find_source(tx, dataset_id)
    if request.external_retrieval_model is not None and source is not None:
        values["retrieval_model_json"] = _encoded(asked_how(source, request.external_retrieval_model))
    if values and not binding_store.update_binding(tx, dataset_id, values):
        raise unknown


def asked_how(source: BoundSource, wanted: ExternalRetrievalModel | None = None) -> AskedHow:
    """Return how a source is asked: as `wanted` says, in all else as the dataset does."""
    stored = msgspec.json.decode(source.binding.retrieval_model_json)
    return AskedHow(**stored | (wanted.model_dump(exclude_none=True) if wanted else {}))


def _encoded(how: AskedHow) -> str:
    return msgspec.json.encode(how).decode()
