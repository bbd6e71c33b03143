"""After any puts, deletes and restarts the Edge index answers what the exact one answers."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.conformance.index_suite import DIMENSION, SHARD, direction, make_posting, without_vector, words
from zhiku.indexes.base import Hit, Index, Scope
from zhiku.indexes.edge import EdgeIndex
from zhiku.indexes.memory import MemoryIndex

NUMBERS = st.integers(1, 14)
DOCUMENTS = st.integers(1, 4)
WORDS = st.integers(1, 9)
POSTINGS = st.builds(
    make_posting,
    number=NUMBERS,
    document=DOCUMENTS,
    counts=st.dictionaries(WORDS, st.integers(1, 5), max_size=5),
    keywords=st.lists(WORDS, unique=True, max_size=4),
    vector=st.lists(st.integers(-3, 3), min_size=DIMENSION, max_size=DIMENSION).filter(any),
)
SCOPES = st.none() | st.builds(Scope, st.frozensets(DOCUMENTS), st.booleans())


class IndexAgreement(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.edge = EdgeIndex(self.root)
        self.exact = MemoryIndex()

    @property
    def both(self) -> tuple[Index, Index]:
        return self.edge, self.exact

    @rule(postings=st.lists(POSTINGS, min_size=1, max_size=6), is_without_vectors=st.booleans())
    def put(self, postings: list, is_without_vectors: bool) -> None:
        for index in self.both:
            index.put(SHARD, [without_vector(each) if is_without_vectors else each for each in postings])

    @rule(numbers=st.sets(NUMBERS, max_size=4))
    def delete(self, numbers: set[int]) -> None:
        for index in self.both:
            index.delete(SHARD, numbers)

    @rule(documents=st.sets(DOCUMENTS, max_size=2))
    def delete_documents(self, documents: set[int]) -> None:
        for index in self.both:
            index.delete_documents(SHARD, documents)

    @rule()
    def drop(self) -> None:
        for index in self.both:
            index.drop(SHARD.dataset_id)

    @rule()
    def restart(self) -> None:
        self.edge.close()
        self.edge = EdgeIndex(self.root)

    @rule(hashes=st.lists(WORDS, min_size=1, max_size=4), scope=SCOPES, limit=st.sampled_from([3, 50]))
    def search_words(self, hashes: list[int], scope: Scope | None, limit: int) -> None:
        asked = words(*hashes)
        self.compare(*(index.search_terms(SHARD, asked, 50, scope) for index in self.both))
        self.compare(*(index.search_keywords(SHARD, asked, 50, scope) for index in self.both))
        self.compare_best(*(index.search_terms(SHARD, asked, limit, scope) for index in self.both))

    @rule(
        values=st.lists(st.integers(-3, 3), min_size=1, max_size=DIMENSION).filter(any),
        scope=SCOPES,
        limit=st.sampled_from([3, 50]),
    )
    def search_vector(self, values: list[int], scope: Scope | None, limit: int) -> None:
        vector = direction(*values)
        self.compare(*(index.search_vector(SHARD, vector, 50, scope) for index in self.both))
        self.compare_best(*(index.search_vector(SHARD, vector, limit, scope) for index in self.both))

    @invariant()
    def holds_the_same(self) -> None:
        if hasattr(self, "edge"):
            assert self.edge.list_numbers(SHARD) == self.exact.list_numbers(SHARD)
            assert self.edge.state(SHARD).postings == self.exact.state(SHARD).postings

    def compare(self, found: list[Hit], expected: list[Hit]) -> None:
        """Check that two full lists name the same postings with the same scores."""
        by_number = {hit.number: hit.score for hit in expected}
        assert {hit.number: hit.score for hit in found} == pytest.approx(by_number, rel=1e-3, abs=1e-6)

    def compare_best(self, found: list[Hit], expected: list[Hit]) -> None:
        """Check that two cut lists have the same scores in the same order; equal ones may be cut differently."""
        scores = np.array([hit.score for hit in found])
        assert scores.tolist() == pytest.approx([hit.score for hit in expected], rel=1e-3, abs=1e-6)
        assert (np.diff(scores) <= 0).all()

    def teardown(self) -> None:
        if hasattr(self, "edge"):
            self.edge.close()
            shutil.rmtree(self.root)


TestIndexAgreement = pytest.mark.slow(IndexAgreement.TestCase)
TestIndexAgreement.settings = settings(max_examples=10, stateful_step_count=20, deadline=None)
