"""What Zhiku asks of a model: the ports that every provider implements."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Chat(Protocol):
    """Writes about texts. Safe to call from several threads."""

    @property
    def key(self) -> str:
        """Name everything an answer depends on beside what is asked: provider and model."""
        ...

    def answer(self, instructions: str, text: str) -> str:
        """Return what the model writes when told `instructions` about `text`; never empty. Raises ModelCallFailed."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors. Safe to call from several threads."""

    @property
    def key(self) -> str:
        """Name everything a vector depends on (model, graph variant, prefixes, window rule): the cache key."""
        ...

    @property
    def dimension(self) -> int:
        """Return the length of a vector. Raises ModelCallFailed if a remote model cannot be asked."""
        ...

    @property
    def cosine_floor(self) -> float:
        """Return the cosine that means "unrelated"; scores are made from what lies above it (ADR-0008)."""
        ...

    @property
    def is_quick(self) -> bool:
        """Tell whether `embed_query` takes far less than a millisecond, so that it may hold up other requests."""
        ...

    @property
    def batch_size(self) -> int:
        """Return how many passages one call should carry between two checkpoints."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return one unit vector, shape (dimension,). Raises ModelCallFailed."""
        ...

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors in the order of `texts`, shape (len(texts), dimension).

        A text's vector never depends on its neighbours. Raises ModelCallFailed.
        """
        ...
