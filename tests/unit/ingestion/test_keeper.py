"""The keeper builds a shard that is due when it rests, and one that never rests when it lies far behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_clock import FakeClock
from tests.product import Product, open_product
from zhiku.db.engine import Database
from zhiku.indexes.base import Shard, ShardState
from zhiku.indexes.memory import MemoryIndex
from zhiku.ingestion.keeper import REST_SECONDS, IndexKeeper

DUE = 5_001


class GrownIndex(MemoryIndex):
    """An index that says of every shard how many of its postings are not in order."""

    unoptimised = DUE

    def state(self, shard: Shard) -> ShardState:
        return ShardState(postings=self.unoptimised, dead=0, unoptimised=self.unoptimised)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def product(tmp_path: Path, sqlite_database: Database, clock: FakeClock) -> Iterator[Product]:
    with open_product(tmp_path / "data", sqlite_database, clock) as opened:
        yield opened


@pytest.fixture
def index() -> GrownIndex:
    return GrownIndex()


@pytest.fixture
def keeper(product: Product, index: GrownIndex, tmp_path: Path) -> IndexKeeper:
    return IndexKeeper(product.rt, index, product.applier, tmp_path)


def test_a_shard_that_is_being_filled_is_built_once_when_it_rests(
    product: Product, keeper: IndexKeeper, clock: FakeClock
) -> None:
    dataset_id = product.create_dataset()
    for _ in range(3):
        keeper.note_applied(dataset_id)
        assert keeper.rebuild_due() == 0
        clock.advance(REST_SECONDS / 2)
    clock.advance(REST_SECONDS)
    assert keeper.rebuild_due() == 1
    clock.advance(REST_SECONDS * 2)
    assert keeper.rebuild_due() == 0


def test_a_shard_that_never_rests_is_built_when_it_lies_far_behind(
    product: Product, keeper: IndexKeeper, index: GrownIndex
) -> None:
    dataset_id = product.create_dataset()
    index.unoptimised = 3 * DUE
    keeper.note_applied(dataset_id)
    assert keeper.rebuild_due() == 1


def test_a_shard_that_is_not_due_is_left_alone(
    product: Product, keeper: IndexKeeper, index: GrownIndex, clock: FakeClock
) -> None:
    dataset_id = product.create_dataset()
    index.unoptimised = DUE - 1
    keeper.note_applied(dataset_id)
    clock.advance(REST_SECONDS * 2)
    assert keeper.rebuild_due() == 0
