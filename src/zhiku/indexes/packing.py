"""How a posting's words lie in the catalog: little-endian uint32 arrays as bytes."""

import numpy as np
from numpy.typing import NDArray

from zhiku.indexes.base import Terms

PACKED = np.dtype("<u4")


def pack_terms(terms: Terms) -> bytes:
    """Return `terms` as bytes: the hashes ascending, then their counts in the same order."""
    order = np.argsort(terms.hashes)
    return np.concatenate([terms.hashes[order], terms.counts[order]]).astype(PACKED).tobytes()


def unpack_terms(packed: bytes) -> Terms:
    """Return what `pack_terms` packed; the arrays are read-only views of `packed`."""
    numbers = np.frombuffer(packed, dtype=PACKED)
    half = len(numbers) // 2
    return Terms(numbers[:half], numbers[half:])


def pack_hashes(hashes: NDArray[np.uint32]) -> bytes:
    """Return the hashes as bytes, in their order."""
    return hashes.astype(PACKED).tobytes()


def unpack_hashes(packed: bytes) -> NDArray[np.uint32]:
    """Return what `pack_hashes` packed; the array is a read-only view of `packed`."""
    return np.frombuffer(packed, dtype=PACKED)
