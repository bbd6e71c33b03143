"""An embedding model that costs microseconds, so that what is measured is not the model."""

import zlib
from collections.abc import Sequence

import numpy as np

from zhiku.providers.base import Vectors

DIMENSION = 384
_DIRECTIONS = 4096


class HashedEmbedder:
    """Adds three fixed random directions that a text's hash chooses; two texts have two vectors."""

    key = "bench:hashed:1"
    dimension = DIMENSION
    cosine_floor = 0.0
    batch_size = 256
    is_quick = True

    def __init__(self) -> None:
        self._table = np.random.default_rng(1).standard_normal((_DIRECTIONS, DIMENSION), dtype=np.float32)

    def embed_query(self, text: str) -> Vectors:
        """Return a unit vector, shape (384,)."""
        encoded = text.encode()
        first, second = zlib.crc32(encoded), zlib.adler32(encoded)
        vector = (
            self._table[first % _DIRECTIONS]
            + self._table[(first >> 12) % _DIRECTIONS]
            + 0.5 * self._table[second % _DIRECTIONS]
        )
        return vector / np.sqrt(vector @ vector)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors in the order of `texts`."""
        if not texts:
            return np.zeros((0, DIMENSION), np.float32)
        return np.stack([self.embed_query(text) for text in texts])
