"""What Zhiku asks of a search index: the port that every index implements (ADR-0003)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Terms:
    """The words of a text as the index sees them: 32-bit hashes, each once, with how often it occurs.

    `hashes` and `counts` are uint32 arrays of one length; hash 0 is no word and found by nobody.
    `length` is the number of words with repeats.
    """

    hashes: NDArray[np.uint32]
    counts: NDArray[np.uint32]

    @property
    def length(self) -> int:
        return int(self.counts.sum())


@dataclass(frozen=True, slots=True)
class Posting:
    """One unit of an index: a segment's text and vector."""

    number: int
    document: int
    terms: Terms
    keywords: NDArray[np.uint32]
    vector: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class Shard:
    """Names one dataset's index: `generation` changes when a rebuild is swapped in.

    `dimension` is 0 for an economy dataset, whose postings have no vector.
    `average_length` is the dataset's mean `Terms.length`, for the BM25 weight.
    """

    dataset_id: str
    generation: int
    dimension: int
    average_length: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Which documents may answer: those in `documents`, or all others when `is_complement`."""

    documents: frozenset[int]
    is_complement: bool


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A posting found by one search; `score` is what the search says, see the port.

    A struct, because a query makes hundreds and these cost a tenth of a microsecond.
    """

    number: int
    score: float


@dataclass(frozen=True, slots=True)
class ShardState:
    """How a shard is doing: what `rebuild.is_rebuild_due` decides by.

    `postings` can be found. `dead` are deleted or replaced ones that still take room and count in the
    words' frequencies; `unoptimised` were put since the shard was built and cost more to search by vector.
    """

    postings: int
    dead: int
    unoptimised: int


class IndexDamaged(Exception):
    """A shard's files cannot be loaded: build it anew from the catalog and swap it in."""


class IndexLocked(Exception):
    """Another process has the shard open; only one may. Most likely a second server on the same data dir."""


class WordWeight(NamedTuple):
    """What finding a word says, and in about how many postings of the shard it is."""

    idf: float
    postings: int


class Searches(Protocol):
    """What a question asks of an index: its searches.

    Hits of equal score come by ascending number; which of them `limit` cuts off is the index's choice.
    Every call may raise IndexDamaged or IndexLocked.
    """

    def search_vector(self, shard: Shard, vector: NDArray[np.float32], limit: int, scope: Scope | None) -> list[Hit]:
        """Return the nearest postings by cosine, best first; `score` is the cosine."""
        ...

    def search_terms(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        """Return the best postings by BM25 over `Terms`, best first.

        `score` is in (0, 1]: the posting's BM25 as a share of what it would be if every query word
        were in it at full weight, so it means the same for any query and dataset (ADR-0003).
        Words that no posting has count in the divisor. Postings without any word are left out.
        """
        ...

    def search_keywords(self, shard: Shard, hashes: NDArray[np.uint32], limit: int, scope: Scope | None) -> list[Hit]:
        """Return postings by overlap with their `keywords`, best first.

        `score` is in (0, 1]: the idf-weighted share of the query's keywords that the posting has.
        """
        ...

    def weigh_words(self, shard: Shard, hashes: NDArray[np.uint32], *, is_keywords: bool) -> list[WordWeight]:
        """Return what each word weighs among the terms, or the keywords, of the postings; in the words' order.

        It is what the searches count with, which may be off by two in a hundred of the postings that have a word.
        """
        ...


class Index(Searches, Protocol):
    """Searchable postings of all datasets. Safe to call from several threads.

    Everything in it is derived: deleting it loses nothing that `rebuild` cannot bring back.
    A shard that does not exist yet is empty to readers and made by the first `put`.
    Every call that names a shard may raise IndexDamaged or IndexLocked, a write also StorageFull.
    """

    def put(self, shard: Shard, postings: Sequence[Posting]) -> None:
        """Add the postings, replacing those of the same number; they are searchable on return."""
        ...

    def delete(self, shard: Shard, numbers: Iterable[int]) -> None:
        """Remove postings by number; unknown ones are ignored."""
        ...

    def delete_documents(self, shard: Shard, documents: Iterable[int]) -> None:
        """Remove all postings of these documents."""
        ...

    def list_numbers(self, shard: Shard) -> list[int]:
        """Return the numbers of all postings, ascending; for verify and tests, not for requests."""
        ...

    def state(self, shard: Shard) -> ShardState:
        """Return how the shard is doing, opening it if need be; all zeros if there is none."""
        ...

    def list_generations(self, dataset_id: str) -> list[int]:
        """Return the generations of a dataset that exist, ascending."""
        ...

    def drop_generation(self, dataset_id: str, generation: int) -> None:
        """Remove one generation once nobody uses it any more; nothing happens if it does not exist."""
        ...

    def drop(self, dataset_id: str) -> None:
        """Remove every generation of a dataset's index; nothing happens if there is none."""
        ...

    def flush(self) -> None:
        """Write what is in memory to disk; called on a timer and before closing."""
        ...

    def close(self) -> None:
        """Flush and let go of every file."""
        ...
