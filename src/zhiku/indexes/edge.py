"""The index in this process: one Qdrant Edge shard for each dataset and generation (ADR-0003)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from qdrant_edge import (
    QueryBatchRequest,
    ScoredPoint,
    ScrollRequest,
    SparseVector,
    UpdateOperation,
)

from zhiku.indexes.base import Hit, Posting, Scope, Shard, ShardState, WordWeight
from zhiku.indexes.edge_points import (
    DOCUMENT,
    KEYWORDS,
    LIVING_IDF_PARAMS,
    TERMS,
    documents_filter,
    idf_probe,
    make_points,
    scope_filter,
    vector_query,
    words_query,
)
from zhiku.indexes.lexical import FULL_WEIGHT, having, idf, query_words
from zhiku.indexes.open_shards import OpenShard, OpenShards

if TYPE_CHECKING:
    from qdrant_edge import PointId

SCROLL_PAGE = 10_000
SMALL_SHARD = 5_000
"""Postings up to which a word's idf counts the living only; at 100,000 that costs 13 times the search."""


class EdgeIndex:
    """Shards under `root`/<dataset id>/<generation>, at most about `open_limit` of them open at once.

    The engine holds the interpreter during every call, so nothing here may take long: put small batches, and
    leave optimising to a build in another process (`rebuild`); this class never does it. Opening a shard
    costs 10 ms, one of 100,000 postings some 100 ms. The process that has a shard open is the only one that can.
    """

    def __init__(self, root: Path, *, open_limit: int = 64) -> None:
        self._shards = OpenShards(root, open_limit)

    def put(self, shard: Shard, postings: Sequence[Posting]) -> None:
        if not postings:
            return
        operation = UpdateOperation.upsert_points(make_points(postings, shard.average_length))
        with self._shards.writing(shard) as opened:
            opened.engine.update(operation)
            opened.mark_changed(len(postings))

    def delete(self, shard: Shard, numbers: Iterable[int]) -> None:
        gone: list[PointId] = list(numbers)
        with self._shards.reading(shard) as opened:
            if opened is not None and gone:
                opened.engine.update(UpdateOperation.delete_points(gone))
                opened.mark_changed(len(gone))

    def delete_documents(self, shard: Shard, documents: Iterable[int]) -> None:
        gone = list(documents)
        with self._shards.reading(shard) as opened:
            if opened is not None and gone:
                before = opened.engine.info().points_count
                opened.engine.update(UpdateOperation.delete_points_by_filter(documents_filter(gone)))
                opened.mark_changed(before - opened.engine.info().points_count)

    def search_vector(self, shard: Shard, vector: NDArray[np.float32], limit: int, scope: Scope | None) -> list[Hit]:
        if limit <= 0 or shard.dimension == 0 or _is_nothing(scope):
            return []
        with self._shards.reading(shard) as opened:
            if opened is None:
                return []
            found = _search_around(opened, vector, limit, scope)
            if found is None:
                found = opened.engine.query(vector_query(vector, limit, scope_filter(scope)))
        return _make_hits([(-point.score, point.id) for point in found])  # pyright: ignore[reportArgumentType]

    def search_terms(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        return self._search_words(shard, TERMS, hashes, limit, scope)

    def search_keywords(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        return self._search_words(shard, KEYWORDS, hashes, limit, scope)

    def weigh_words(self, shard: Shard, hashes: NDArray[np.uint32], *, is_keywords: bool) -> list[WordWeight]:
        field, words = KEYWORDS if is_keywords else TERMS, query_words(hashes)
        weights: dict[int, WordWeight] = {}
        if words:
            with self._shards.reading(shard) as opened:
                weights = _weigh_words(opened, field, words) if opened is not None else {}
        return [weights.get(word) or WordWeight(idf(0, 0), 0) for word in hashes.tolist()]

    def list_numbers(self, shard: Shard) -> list[int]:
        numbers: list[int] = []
        with self._shards.reading(shard) as opened:
            offset = None
            while opened is not None:
                page, offset = opened.engine.scroll(
                    ScrollRequest(offset=offset, limit=SCROLL_PAGE, with_payload=False, with_vector=False)
                )
                numbers += [record.id for record in page]  # pyright: ignore[reportAssignmentType]
                if offset is None:
                    break
        return numbers

    def state(self, shard: Shard) -> ShardState:
        with self._shards.reading(shard) as opened:
            return opened.state() if opened is not None else ShardState(postings=0, dead=0, unoptimised=0)

    def list_generations(self, dataset_id: str) -> list[int]:
        return self._shards.list_generations(dataset_id)

    def drop_generation(self, dataset_id: str, generation: int) -> None:
        self._shards.drop(dataset_id, generation)

    def drop(self, dataset_id: str) -> None:
        self._shards.drop(dataset_id, None)

    def flush(self) -> None:
        self._shards.flush()

    def close(self) -> None:
        self._shards.close()

    def _search_words(
        self, shard: Shard, field: str, hashes: NDArray[np.uint32], limit: int, scope: Scope | None
    ) -> list[Hit]:
        words = query_words(hashes)
        if not words or limit <= 0 or _is_nothing(scope):
            return []
        with self._shards.reading(shard) as opened:
            if opened is None:
                return []
            found, idfs = _query_words(opened, field, words, limit, scope)
        full = idfs * (FULL_WEIGHT if field == TERMS else 1.0)
        if found and found[0].score > full:
            # The engine adds up in single precision, so a full match may come out a little above 1.
            return _make_hits([(-min(point.score / full, 1.0), point.id) for point in found])  # pyright: ignore[reportArgumentType]
        return _make_hits([(-point.score / full, point.id) for point in found])  # pyright: ignore[reportArgumentType]


def _search_around(
    opened: OpenShard, vector: NDArray[np.float32], limit: int, scope: Scope | None
) -> list[ScoredPoint] | None:
    """Return the points of a scope that leaves out a few documents, or None if it must be filtered.

    Asking for more points and dropping those outside is exact if enough remain, and costs a third of a filter
    that nearly every posting passes (100,000 postings, never optimised: 22 against 60 ms).
    """
    if scope is None or not scope.is_complement:
        return None
    wider = 2 * limit + 10
    found = opened.engine.query(vector_query(vector, wider, None, with_document=True))
    inside = [point for point in found if (point.payload or {})[DOCUMENT] not in scope.documents]
    if len(inside) < limit and len(found) == wider:
        return None
    return inside[:limit]


def _query_words(
    opened: OpenShard, field: str, words: list[int], limit: int, scope: Scope | None
) -> tuple[list[ScoredPoint], float]:
    """Return the points found and the sum of the words' idfs, as the engine counts them now.

    By itself the engine counts dead postings too. That skews the idfs of a small shard whose documents are
    edited again and again, so there the living are counted (150 against 80 us at 3,000 postings); a large one
    waits for its rebuild.
    """
    changes, state = opened.changes, opened.state()
    is_living_only = state.dead > 0 and state.postings <= SMALL_SHARD
    params = LIVING_IDF_PARAMS if is_living_only else None
    cache = opened.idfs[field, is_living_only]
    known = {word: cache.find(word, changes) for word in words}
    unknown = [word for word, word_idf in known.items() if word_idf is None]
    request = words_query(field, words, limit, scope_filter(scope), params)
    if not unknown:
        return opened.engine.query(request), sum(filter(None, known.values()))
    probes = [idf_probe(field, word, params) for word in unknown]
    found, *probed = opened.engine.query_batch(QueryBatchRequest([request, *probes]))
    for word, points in zip(unknown, probed, strict=True):
        counted = state.postings if is_living_only else state.postings + state.dead
        word_idf = _probed_idf(field, word, points) if points else idf(counted, 0)
        cache.keep(word, word_idf, postings=counted, changes=changes)
        known[word] = word_idf
    return found, sum(filter(None, known.values()))


def _weigh_words(opened: OpenShard, field: str, words: list[int]) -> dict[int, WordWeight]:
    """Return what the words weigh, as a search for them has just counted."""
    _query_words(opened, field, words, 1, None)
    changes, state = opened.changes, opened.state()
    is_living_only = state.dead > 0 and state.postings <= SMALL_SHARD
    counted = state.postings if is_living_only else state.postings + state.dead
    known = {word: opened.idfs[field, is_living_only].find(word, changes) for word in words}
    return {
        word: WordWeight(word_idf, max(0, round(having(counted, word_idf))))
        for word, word_idf in known.items()
        if word_idf is not None
    }


def _probed_idf(field: str, word: int, points: list[ScoredPoint]) -> float:
    if field == KEYWORDS:
        return points[0].score
    stored = cast("dict[str, SparseVector]", points[0].vector)[field]
    return points[0].score / stored.values[stored.indices.index(word)]


def _make_hits(ranks: list[tuple[float, int]]) -> list[Hit]:
    """Return the hits of (negative score, number) pairs, best first and then by number."""
    # The stub says that a number may be a UUID too, hence the callers' type comments; a cast costs 3 us a search.
    ranks.sort()
    return [Hit(number, -rank) for rank, number in ranks]


def _is_nothing(scope: Scope | None) -> bool:
    return scope is not None and not scope.is_complement and not scope.documents
