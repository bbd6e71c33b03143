"""A tiny embedder for tests: texts that share words get near vectors, the same text always the same one."""

import hashlib
from collections.abc import Sequence

import numpy as np

from zhiku.errors import ModelCallFailed
from zhiku.providers.base import Vectors
from zhiku.text.words import words

DIMENSION = 64


class WordEmbedder:
    """Adds one fixed random direction a word; those of another `name` or `dimension` are another model's."""

    cosine_floor = 0.0
    batch_size = 16
    is_quick = True

    def __init__(self, name: str = "words", dimension: int = DIMENSION) -> None:
        self.key = f"test:{name}:1"
        self.dimension = dimension
        self._salt = "" if name == "words" else name
        self.embedded: list[str] = []
        self.asked: list[str] = []
        self.failure: str | None = None

    def embed_query(self, text: str) -> Vectors:
        self.asked.append(text)
        return self._embed(text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self.failure is not None:
            raise ModelCallFailed(self.failure)
        self.embedded.extend(texts)
        return np.stack([self._embed(text) for text in texts]) if texts else np.zeros((0, self.dimension), np.float32)

    def _embed(self, text: str) -> Vectors:
        vector = np.full(self.dimension, 1e-3, np.float32)
        for word in words(text):
            seed = int.from_bytes(hashlib.sha256((self._salt + word).encode()).digest()[:4], "little")
            vector += np.random.default_rng(seed).standard_normal(self.dimension, dtype=np.float32)
        return (vector / np.linalg.norm(vector)).astype(np.float32)
