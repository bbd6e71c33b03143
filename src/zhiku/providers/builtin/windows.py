"""Cuts a long text's tokens into windows that fit the model, and joins their vectors."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from zhiku.providers.base import Vectors


def split_windows(tokens: Sequence[int], size: int) -> list[Sequence[int]]:
    """Return the tokens in as few windows of at most `size` as will do, of equal length but for one token.

    Equal windows, so that each counts the same in the mean and no short rest does. No tokens: one empty window.
    """
    count = max(1, -(-len(tokens) // size))
    bounds = [len(tokens) * number // count for number in range(count + 1)]
    return [tokens[start:end] for start, end in pairwise(bounds)]


def join_windows(vectors: Sequence[Vectors]) -> Vectors:
    """Return the mean of unit vectors of shape (dimension,), made a unit vector again."""
    return unit_vector(np.stack(vectors).mean(axis=0))


def unit_vector(vector: Vectors) -> Vectors:
    """Return the vector divided by its length; a zero vector stays zero."""
    length = float(np.linalg.norm(vector))
    return vector / np.float32(length) if length > 0 else vector
