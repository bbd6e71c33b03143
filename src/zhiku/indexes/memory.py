"""An exact, small index in plain dictionaries: for tests, and the measure of what the other ones must answer."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiku.indexes.base import Hit, Posting, Scope, Shard, ShardState, WordWeight
from zhiku.indexes.lexical import FULL_WEIGHT, idf, query_words, term_weights

Weights = dict[int, dict[int, float]]
"""Word to posting number to weight."""


@dataclass(slots=True)
class _Generation:
    """The postings of one shard and where each word occurs."""

    postings: dict[int, Posting] = field(default_factory=dict[int, Posting])
    terms: Weights = field(default_factory=dict[int, dict[int, float]])
    keywords: Weights = field(default_factory=dict[int, dict[int, float]])


class MemoryIndex:
    """Keeps everything in this process and loses it with it; searches look at every posting."""

    def __init__(self) -> None:
        self._generations: dict[tuple[str, int], _Generation] = {}
        self._lock = threading.RLock()

    def put(self, shard: Shard, postings: Sequence[Posting]) -> None:
        weights = term_weights([posting.terms for posting in postings], shard.average_length)
        with self._lock:
            generation = self._generations.setdefault((shard.dataset_id, shard.generation), _Generation())
            for posting, own_weights in zip(postings, weights, strict=True):
                _remove(generation, posting.number)
                generation.postings[posting.number] = posting
                for word, weight in zip(posting.terms.hashes.tolist(), own_weights, strict=True):
                    generation.terms.setdefault(word, {})[posting.number] = weight
                for word in posting.keywords.tolist():
                    generation.keywords.setdefault(word, {})[posting.number] = 1.0

    def delete(self, shard: Shard, numbers: Iterable[int]) -> None:
        with self._lock:
            generation = self._find(shard)
            for number in numbers:
                _remove(generation, number)

    def delete_documents(self, shard: Shard, documents: Iterable[int]) -> None:
        gone = frozenset(documents)
        with self._lock:
            generation = self._find(shard)
            for number in [posting.number for posting in generation.postings.values() if posting.document in gone]:
                _remove(generation, number)

    def search_vector(self, shard: Shard, vector: NDArray[np.float32], limit: int, scope: Scope | None) -> list[Hit]:
        wanted = vector / np.linalg.norm(vector)
        with self._lock:
            postings = self._find(shard).postings
            cosines = {
                posting.number: float(posting.vector @ wanted / np.linalg.norm(posting.vector))
                for posting in postings.values()
                if posting.vector is not None
            }
            return _best(cosines, postings, limit, scope)

    def search_terms(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        with self._lock:
            generation = self._find(shard)
            shares = _shares(generation.terms, len(generation.postings), query_words(hashes), FULL_WEIGHT)
            return _best(shares, generation.postings, limit, scope)

    def search_keywords(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        with self._lock:
            generation = self._find(shard)
            shares = _shares(generation.keywords, len(generation.postings), query_words(hashes), 1.0)
            return _best(shares, generation.postings, limit, scope)

    def weigh_words(self, shard: Shard, hashes: NDArray[np.uint32], *, is_keywords: bool) -> list[WordWeight]:
        with self._lock:
            generation = self._find(shard)
            weights = generation.keywords if is_keywords else generation.terms
            counts = [len(weights.get(word, ())) for word in hashes.tolist()]
            return [WordWeight(idf(len(generation.postings), count), count) for count in counts]

    def list_numbers(self, shard: Shard) -> list[int]:
        with self._lock:
            return sorted(self._find(shard).postings)

    def state(self, shard: Shard) -> ShardState:
        with self._lock:
            return ShardState(postings=len(self._find(shard).postings), dead=0, unoptimised=0)

    def list_generations(self, dataset_id: str) -> list[int]:
        with self._lock:
            return sorted(generation for owner, generation in self._generations if owner == dataset_id)

    def drop_generation(self, dataset_id: str, generation: int) -> None:
        with self._lock:
            self._generations.pop((dataset_id, generation), None)

    def drop(self, dataset_id: str) -> None:
        with self._lock:
            for generation in self.list_generations(dataset_id):
                del self._generations[dataset_id, generation]

    def flush(self) -> None:
        """Nothing lies anywhere else."""

    def close(self) -> None:
        """Nothing is held."""

    def _find(self, shard: Shard) -> _Generation:
        return self._generations.get((shard.dataset_id, shard.generation)) or _Generation()


def _remove(generation: _Generation, number: int) -> None:
    posting = generation.postings.pop(number, None)
    if posting is None:
        return
    for word in posting.terms.hashes.tolist():
        _forget(generation.terms, word, number)
    for word in posting.keywords.tolist():
        _forget(generation.keywords, word, number)


def _forget(weights: Weights, word: int, number: int) -> None:
    having = weights[word]
    del having[number]
    if not having:
        del weights[word]


def _shares(weights: Weights, postings: int, words: Sequence[int], full_weight: float) -> dict[int, float]:
    """Return each posting's idf-weighted sum over `words` as a share of the sum at full weight."""
    idfs = {word: idf(postings, len(weights.get(word, ()))) for word in words}
    full = sum(idfs.values()) * full_weight
    found: dict[int, float] = {}
    for word, word_idf in idfs.items():
        for number, weight in weights.get(word, {}).items():
            found[number] = found.get(number, 0.0) + word_idf * weight / full
    return {number: min(share, 1.0) for number, share in found.items()}


def _best(scores: Mapping[int, float], postings: Mapping[int, Posting], limit: int, scope: Scope | None) -> list[Hit]:
    hits = [Hit(number, score) for number, score in scores.items() if _is_inside(scope, postings[number].document)]
    hits.sort(key=lambda hit: (-hit.score, hit.number))
    return hits[: max(limit, 0)]


def _is_inside(scope: Scope | None, document: int) -> bool:
    return scope is None or (document in scope.documents) != scope.is_complement
