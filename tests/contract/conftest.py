"""The products that contract tests call: one shared by a module's tests, or a fresh one where a list must be empty."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import copyfile

import pytest

from tests.product import Product, open_product
from zhiku.db.engine import Database

_numbers = count(1)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Product]:
    """A whole Zhiku for all tests of a module; each test makes datasets of its own."""
    folder = tmp_path_factory.mktemp("product")
    copyfile(sqlite_template, folder / "catalog.sqlite3")
    database = Database(f"sqlite:///{folder / 'catalog.sqlite3'}")
    with open_product(folder / "data", database) as opened:
        yield opened
    database.close()


@pytest.fixture
def fresh(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku without any dataset."""
    with open_product(tmp_path / "data", sqlite_database) as opened:
        yield opened


@pytest.fixture
def dataset_id(product: Product, name: str) -> str:
    """A new dataset without a technique."""
    return product.create_dataset(name)


@pytest.fixture
def name() -> str:
    """A dataset name that no other test has."""
    return f"Dataset {next(_numbers)}"
