"""The Edge index keeps the port's promises, and its own about files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.index_suite import IndexSuite
from zhiku.indexes.base import Index
from zhiku.indexes.edge import EdgeIndex


class TestEdgeIndex(IndexSuite):
    @pytest.fixture
    def index(self, tmp_path: Path) -> Iterator[Index]:
        index = EdgeIndex(tmp_path / "index")
        yield index
        index.close()
