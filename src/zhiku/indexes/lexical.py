"""BM25's arithmetic: what a word weighs in a posting and how rare it is, the same for every index (pure)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zhiku.indexes.base import Terms

K1 = 1.2
B = 0.75
FULL_WEIGHT = K1 + 1
"""What a word's weight in a posting grows towards with its count, and never reaches."""


def term_weights(many: Sequence[Terms], average_length: float) -> list[list[float]]:
    """Return the BM25 weight of each word of each text without its idf, in (0, FULL_WEIGHT), in their orders.

    All texts are computed at once: one by one costs 5 us a text more. An `average_length` of 0 or less
    (nobody knows it yet) makes every text as long as the average.
    """
    if not many:
        return []
    sizes = [len(terms.counts) for terms in many]
    counts = np.concatenate([terms.counts for terms in many]).astype(np.float64)
    owners = np.repeat(np.arange(len(many)), sizes)
    lengths = np.bincount(owners, weights=counts, minlength=len(many))
    relative = lengths / average_length if average_length > 0 else np.ones(len(many))
    saturation = K1 * (1 - B + B * relative)
    weights: list[float] = (counts * FULL_WEIGHT / (counts + saturation[owners])).tolist()
    ends = np.cumsum(sizes).tolist()
    return [weights[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def idf(postings: int, having: float) -> float:
    """Return how much finding a word says when `having` of `postings` have it; > 0. This is Qdrant's formula."""
    return math.log((postings - having + 0.5) / (having + 0.5) + 1)


def having(postings: int, word_idf: float) -> float:
    """Return how many of `postings` have a word of this idf: `idf` read backwards."""
    return (postings + 1) / math.exp(word_idf) - 0.5


def query_words(hashes: NDArray[np.uint32]) -> list[int]:
    """Return the words a query asks for, each once, in its order.

    Hash 0 is no word: it marks every posting in the Edge index, and one word in four thousand million is lost by it.
    """
    words: list[int] = hashes.tolist()
    return [word for word in dict.fromkeys(words) if word]
