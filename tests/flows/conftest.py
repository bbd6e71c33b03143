"""The product that flows run through."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import Product, open_product
from zhiku.db.engine import Database


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku in this process."""
    with open_product(tmp_path / "data", sqlite_database) as opened:
        yield opened
