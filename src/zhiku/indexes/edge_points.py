"""Zhiku's values as the Edge engine's objects: configurations, points, filters and queries."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    HnswIndexConfig,
    IdfParams,
    MatchAny,
    Memory,
    Modifier,
    Point,
    QuantizationSearchParams,
    Query,
    QueryRequest,
    ScalarQuantizationConfig,
    ScalarType,
    SearchParams,
    SparseVector,
)

from zhiku.indexes.base import Posting, Scope, Shard, Terms
from zhiku.indexes.lexical import term_weights

if TYPE_CHECKING:
    from qdrant_edge import ConditionType, NamedVector

DENSE = "dense"
TERMS = "terms"
KEYWORDS = "keywords"
DOCUMENT = "document"

MARK = 0
"""A word that every posting has, so that the engine's number of postings can be told from its counters."""

GRAPH_FROM = 90_000
"""Postings from which a build makes a graph (1.4 ms of CPU each); below, scanning int8 vectors is fast enough."""

GRAPH = HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000, max_indexing_threads=1)
NO_GRAPH = HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=1, max_indexing_threads=1)

# Oversampling 2 finds what the full vectors would find (recall 1.0 at 10,000 and 100,000 random vectors
# against .95 without); it costs nothing measurable.
VECTOR_PARAMS = SearchParams(hnsw_ef=128, quantization=QuantizationSearchParams(rescore=True, oversampling=2.0))
# An IDF corpus of everything counts living postings only; without it dead ones count until a rebuild.
LIVING_IDF_PARAMS = SearchParams(idf=IdfParams(corpus=Filter()))


def make_config(shard: Shard, *, has_graph: bool) -> EdgeConfig:
    """Return how a new shard is made: quantized and put in order by `optimize`, whatever its size."""
    return EdgeConfig(
        vectors=_vector_params(shard),
        sparse_vectors=_sparse_params(),
        hnsw_config=GRAPH if has_graph else NO_GRAPH,
        quantization_config=ScalarQuantizationConfig(type=ScalarType.Int8, quantile=0.99, memory=Memory.Pinned),
        optimizers=EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1),
        max_search_threads=1,
        wal_enabled=True,
    )


def load_config(shard: Shard) -> EdgeConfig:
    """Return what an existing shard must agree with; the rest stays as it was made."""
    return EdgeConfig(vectors=_vector_params(shard), sparse_vectors=_sparse_params(), max_search_threads=1)


def make_points(postings: Sequence[Posting], average_length: float) -> list[Point]:
    """Return the postings as points; one that comes twice counts as its last."""
    distinct = list({posting.number: posting for posting in postings}.values())
    texts = [_without_mark(posting.terms) for posting in distinct]
    weights = term_weights(texts, average_length)
    points: list[Point] = []
    for posting, text, own_weights in zip(distinct, texts, weights, strict=True):
        keywords = [word for word in posting.keywords.tolist() if word != MARK]
        vectors: dict[str, NamedVector] = {
            TERMS: SparseVector([MARK, *text.hashes.tolist()], [1.0, *own_weights]),
            KEYWORDS: SparseVector([MARK, *keywords], [1.0] * (len(keywords) + 1)),
        }
        if posting.vector is not None:
            # A list of floats: the binding takes an array number by number, which is three times slower.
            vectors[DENSE] = posting.vector.tolist()
        points.append(Point(posting.number, vectors, {DOCUMENT: posting.document}))
    return points


def vector_query(
    vector: NDArray[np.float32], limit: int, where: Filter | None, *, with_document: bool = False
) -> QueryRequest:
    """Return the request for the nearest postings by cosine."""
    return QueryRequest(
        query=Query.Nearest(vector.tolist(), using=DENSE),
        limit=limit,
        filter=where,
        params=VECTOR_PARAMS,
        with_payload=[DOCUMENT] if with_document else None,
    )


def words_query(
    field: str, words: Sequence[int], limit: int, where: Filter | None, params: SearchParams | None
) -> QueryRequest:
    """Return the request for the postings that have the most of `words`, in the field TERMS or KEYWORDS."""
    return QueryRequest(
        query=Query.Nearest(SparseVector(list(words), [1.0] * len(words)), using=field),
        limit=limit,
        filter=where,
        params=params,
    )


def idf_probe(field: str, word: int, params: SearchParams | None) -> QueryRequest:
    """Return the request for one posting that has the word: idf is its score over its weight, 1 for keywords."""
    return QueryRequest(
        query=Query.Nearest(SparseVector([word], [1.0]), using=field),
        limit=1,
        params=params,
        with_vector=[TERMS] if field == TERMS else None,
    )


def scope_filter(scope: Scope | None) -> Filter | None:
    """Return the filter that lets the scope's documents pass; None if all do."""
    if scope is None or (scope.is_complement and not scope.documents):
        return None
    inside: list[ConditionType] = [FieldCondition(DOCUMENT, match=MatchAny(list(scope.documents)))]
    return Filter(must_not=inside) if scope.is_complement else Filter(must=inside)


def documents_filter(documents: Iterable[int]) -> Filter:
    """Return the filter that only these documents pass."""
    return Filter(must=[FieldCondition(DOCUMENT, match=MatchAny(list(documents)))])


def _vector_params(shard: Shard) -> dict[str, EdgeVectorParams]:
    if shard.dimension == 0:
        return {}
    return {DENSE: EdgeVectorParams(size=shard.dimension, distance=Distance.Cosine)}


def _sparse_params() -> dict[str, EdgeSparseVectorParams]:
    return {name: EdgeSparseVectorParams(modifier=Modifier.Idf) for name in (TERMS, KEYWORDS)}


def _without_mark(terms: Terms) -> Terms:
    if terms.hashes.all():
        return terms
    is_word = terms.hashes != MARK
    return Terms(terms.hashes[is_word], terms.counts[is_word])
