"""An index that notes what a question asks of it: the searches, what they found and how long they took."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiku.indexes.base import Hit, Scope, Searches, Shard, WordWeight
from zhiku.retrieval.plan import BranchKind


@dataclass(frozen=True, slots=True)
class Search:
    """One search: how many hits it was asked for, those it found with the index's own scores, and its time."""

    limit: int
    hits: list[Hit]
    took_ms: float


class WatchedIndex:
    """Answers as `index` does and keeps the last search of each kind, which is the deepest."""

    def __init__(self, index: Searches) -> None:
        self._index = index
        self.last: dict[BranchKind, Search] = {}
        self.took_ms = 0.0

    def search_vector(self, shard: Shard, vector: NDArray[np.float32], limit: int, scope: Scope | None) -> list[Hit]:
        began = time.perf_counter()
        return self._note("vector", began, limit, self._index.search_vector(shard, vector, limit, scope))

    def search_terms(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        began = time.perf_counter()
        return self._note("terms", began, limit, self._index.search_terms(shard, hashes, limit, scope))

    def search_keywords(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        began = time.perf_counter()
        return self._note("keywords", began, limit, self._index.search_keywords(shard, hashes, limit, scope))

    def weigh_words(self, shard: Shard, hashes: NDArray[np.uint32], *, is_keywords: bool) -> list[WordWeight]:
        return self._index.weigh_words(shard, hashes, is_keywords=is_keywords)

    def _note(self, kind: BranchKind, began: float, limit: int, hits: list[Hit]) -> list[Hit]:
        took_ms = (time.perf_counter() - began) * 1000
        self.took_ms += took_ms
        self.last[kind] = Search(limit, hits, took_ms)
        return hits
