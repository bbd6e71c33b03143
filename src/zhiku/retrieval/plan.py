"""Request + dataset settings → a frozen plan of what to search and what to keep (pure)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.retrieval_model import RetrievalModel, Weights, stored_retrieval_model
from zhiku.datasets.store import Dataset
from zhiku.errors import InvalidParam
from zhiku.indexes.base import Hit, Scope, Shard
from zhiku.retrieval.schemas import RetrieveRequest
from zhiku.segments.indexing import shard_of

BranchKind = Literal["vector", "terms", "keywords"]

# Where neither the request nor the dataset gives weights. Source: ADR-0008, flat between .5 and .6 on all test sets.
DEFAULT_VECTOR_WEIGHT = 0.6
RECALL_MIN, RECALL_MAX = 50, 200
RECALL_SPARE = 10
"""What a branch by itself brings more than is asked for: hits that tie, and segments deleted since."""


@dataclass(frozen=True, slots=True)
class PlannedBranch:
    """One search of the plan; `weight` is its share of the final score."""

    kind: BranchKind
    weight: float


@dataclass(frozen=True, slots=True)
class Branch:
    """What one search found, best first; every score is calibrated to [0, 1]."""

    planned: PlannedBranch
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to search and what to keep. `recall` is how many hits each branch brings at first.

    `scope` is what the metadata conditions come to in the catalog, None where all documents may answer.
    """

    query: str
    shard: Shard
    branches: tuple[PlannedBranch, ...]
    top_k: int
    threshold: float
    recall: int
    conditions: MetadataConditions | None = None
    scope: Scope | None = None

    @property
    def needs_vector(self) -> bool:
        """Tell whether the query must be embedded."""
        return any(branch.kind == "vector" for branch in self.branches)


def effective_model(dataset: Dataset, request: RetrieveRequest) -> RetrievalModel:
    """Return how the question is asked: as the request says, else as the dataset does (contract 5.2)."""
    return request.retrieval_model or stored_retrieval_model(dataset.retrieval_model_json, dataset.indexing_technique)


def plan_retrieval(dataset: Dataset, request: RetrieveRequest, model: RetrievalModel, top_k_max: int) -> Plan | None:
    """Return the plan, or None where nothing can answer: a dataset without technique or documents, or images alone.

    Raises InvalidParam if the query is missing or too long, or top_k is over `top_k_max`.
    """
    query = checked_query(request)
    if model.top_k > top_k_max:
        raise InvalidParam(f"retrieval_model.top_k: must be at most {top_k_max}", params="retrieval_model.top_k")
    if query is None or dataset.indexing_technique is None or dataset.posting_count == 0:
        return None
    branches = _branches(dataset, model)
    is_cut = model.score_threshold_enabled and model.score_threshold is not None
    return Plan(
        query=query,
        shard=shard_of(dataset),
        branches=branches,
        top_k=model.top_k,
        threshold=model.score_threshold if is_cut and model.score_threshold is not None else 0.0,
        recall=_recall(dataset, branches, model.top_k),
        conditions=chosen_conditions(request, model),
    )


def checked_query(request: RetrieveRequest) -> str | None:
    """Return the query, or None where only images were sent. Raises InvalidParam (contract 5.1)."""
    query = request.query
    if query is None or not query.strip():
        if request.attachment_ids:
            return None
        raise InvalidParam("Query or attachment_ids is required", params="query")
    if len(query) > request.max_query_chars:
        raise InvalidParam(f"Query cannot exceed {request.max_query_chars} characters", params="query")
    return query


def chosen_conditions(request: RetrieveRequest, model: RetrievalModel) -> MetadataConditions | None:
    """Return the filter: the request's retrieval model comes first, then the request, then the stored model."""
    of_request = request.retrieval_model.metadata_filtering_conditions if request.retrieval_model else None
    chosen = of_request or request.metadata_filtering_conditions or model.metadata_filtering_conditions
    return chosen if chosen and chosen.conditions else None


def _branches(dataset: Dataset, model: RetrievalModel) -> tuple[PlannedBranch, ...]:
    if dataset.indexing_technique == "economy" or model.search_method == "keyword_search":
        return (PlannedBranch("keywords", 1.0),)
    if model.search_method == "full_text_search":
        return (PlannedBranch("terms", 1.0),)
    if model.search_method == "semantic_search":
        return (PlannedBranch("vector", 1.0),)
    vector_weight, keyword_weight = _weights(model.weights)
    return (PlannedBranch("vector", vector_weight), PlannedBranch("terms", keyword_weight))


def _recall(dataset: Dataset, branches: Sequence[PlannedBranch], top_k: int) -> int:
    """Return how deep each branch looks; deep only where hits are merged, with others or into their parents."""
    is_merged = len(branches) > 1 or dataset.doc_form == "hierarchical_model"
    return min(max(RECALL_MIN, top_k) if is_merged else top_k + RECALL_SPARE, RECALL_MAX)


def _weights(weights: Weights | None) -> tuple[float, float]:
    """Return the weights of the semantic and the lexical branch (contract 5.3)."""
    if weights is None:
        return DEFAULT_VECTOR_WEIGHT, 1 - DEFAULT_VECTOR_WEIGHT
    vector = weights.vector_setting.vector_weight if weights.vector_setting else None
    keyword = weights.keyword_setting.keyword_weight if weights.keyword_setting else None
    if vector is None and keyword is None:
        by_type = {"semantic_first": (1.0, 0.0), "keyword_first": (0.0, 1.0)}
        return by_type.get(weights.weight_type or "", (DEFAULT_VECTOR_WEIGHT, 1 - DEFAULT_VECTOR_WEIGHT))
    vector, keyword = vector or 0.0, keyword or 0.0
    total = vector + keyword
    return (vector / total, keyword / total) if total > 1 else (vector, keyword)
