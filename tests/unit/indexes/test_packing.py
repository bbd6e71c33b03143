"""Packed words come back as they were, whatever their order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zhiku.indexes.base import Terms
from zhiku.indexes.packing import pack_hashes, pack_terms, unpack_hashes, unpack_terms

UINT32 = st.integers(0, 2**32 - 1)


@given(st.dictionaries(UINT32, st.integers(1, 2**32 - 1), max_size=50))
def test_terms_come_back_ascending_with_their_own_counts(counts: dict[int, int]) -> None:
    terms = Terms(np.array(list(counts), dtype=np.uint32), np.array(list(counts.values()), dtype=np.uint32))
    unpacked = unpack_terms(pack_terms(terms))
    assert dict(zip(unpacked.hashes.tolist(), unpacked.counts.tolist(), strict=True)) == counts
    assert unpacked.hashes.tolist() == sorted(counts)
    assert unpacked.length == sum(counts.values())


@given(st.lists(UINT32, max_size=50))
def test_hashes_come_back_in_their_order(hashes: list[int]) -> None:
    assert unpack_hashes(pack_hashes(np.array(hashes, dtype=np.uint32))).tolist() == hashes


def test_the_packed_form_is_little_endian_hashes_then_counts() -> None:
    terms = Terms(np.array([258, 1], dtype=np.uint32), np.array([3, 4], dtype=np.uint32))
    assert pack_terms(terms) == bytes([1, 0, 0, 0, 2, 1, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0])
