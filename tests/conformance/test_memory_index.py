"""The in-memory index keeps the port's promises."""

import pytest

from tests.conformance.index_suite import IndexSuite
from zhiku.indexes.base import Index
from zhiku.indexes.memory import MemoryIndex


class TestMemoryIndex(IndexSuite):
    @pytest.fixture
    def index(self) -> Index:
        return MemoryIndex()
