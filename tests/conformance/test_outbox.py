"""The outbox's promises, on both engines."""

import threading
from typing import Any

import pytest

from tests.fake_clock import FakeClock
from zhiku.db.engine import Connection, Database
from zhiku.db.tables import datasets
from zhiku.indexes import outbox
from zhiku.indexes.outbox import (
    Change,
    DatasetGone,
    DeleteDocument,
    DeletePostings,
    DropIndex,
    PutDocument,
    PutSegments,
    RebuildShard,
)


@pytest.mark.parametrize(
    "change",
    [
        PutDocument("one", 3),
        PutSegments([1, 2]),
        DeletePostings([]),
        DeleteDocument(7),
        DropIndex(),
        RebuildShard(),
    ],
)
def test_a_change_comes_out_as_it_went_in(database: Database, clock: FakeClock, change: Change) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        outbox.append(tx, clock, "a", change)
    with database.read() as conn:
        (row,) = outbox.list_pending(conn, "a", 0, 10)
    assert (row.dataset_id, row.sequence, row.change, row.created_at) == ("a", 1, change, clock.now())


def test_each_dataset_counts_its_own_rows_without_gaps(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        insert_dataset(tx, "b")
    for _ in range(2):
        with database.begin() as tx:
            assert outbox.append(tx, clock, "a", PutSegments([1])) > 0
            outbox.append(tx, clock, "a", PutSegments([2]))
            outbox.append(tx, clock, "b", PutSegments([3]))
        with pytest.raises(RuntimeError), database.begin() as tx:
            outbox.append(tx, clock, "a", PutSegments([4]))
            raise RuntimeError
    with database.read() as conn:
        assert [row.sequence for row in outbox.list_pending(conn, "a", 0, 10)] == [1, 2, 3, 4]
        assert [row.sequence for row in outbox.list_pending(conn, "b", 0, 10)] == [1, 2]
        assert (outbox.get_sequence(conn, "a"), outbox.get_sequence(conn, "b")) == (4, 2)


def test_a_deleted_dataset_takes_no_more_changes_but_keeps_its_last(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
    with database.begin() as tx:
        outbox.append(tx, clock, "a", DropIndex())
        tx.execute(datasets.delete())

    with pytest.raises(DatasetGone), database.begin() as tx:
        outbox.append(tx, clock, "a", PutSegments([1]))
    with database.read() as conn:
        with pytest.raises(DatasetGone):
            outbox.get_sequence(conn, "a")
        assert outbox.list_datasets_with_pending(conn) == ["a"]
        assert [row.change for row in outbox.list_pending(conn, "a", 0, 10)] == [DropIndex()]


def test_pending_rows_come_in_pages_behind_a_number(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        for number in range(5):
            outbox.append(tx, clock, "a", PutSegments([number]))
    with database.read() as conn:
        assert [row.sequence for row in outbox.list_pending(conn, "a", 0, 2)] == [1, 2]
        assert [row.sequence for row in outbox.list_pending(conn, "a", 2, 2)] == [3, 4]
        assert [row.sequence for row in outbox.list_pending(conn, "a", 4, 2)] == [5]


def test_deleting_applied_rows_leaves_the_later_ones_and_the_count(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        insert_dataset(tx, "b")
        for number in range(3):
            outbox.append(tx, clock, "a", PutSegments([number]))
            outbox.append(tx, clock, "b", PutSegments([number]))
    with database.begin() as tx:
        outbox.delete_applied(tx, "a", 2)
    with database.begin() as tx:
        assert [row.sequence for row in outbox.list_pending(tx, "a", 0, 10)] == [3]
        assert [row.sequence for row in outbox.list_pending(tx, "b", 0, 10)] == [1, 2, 3]
        assert outbox.count_pending(tx) == 4
        assert outbox.append(tx, clock, "a", PutSegments([9])) == 4


def test_a_rebuild_sees_again_what_the_serving_shard_already_has(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        outbox.append(tx, clock, "a", PutSegments([1]))
        begun_at = outbox.get_sequence(tx, "a")
        for number in (2, 3):
            outbox.append(tx, clock, "a", PutSegments([number]))
    with database.begin() as tx:
        outbox.mark_applied(tx, "a", 2)

    with database.begin() as tx:
        assert [row.sequence for row in outbox.list_pending(tx, "a", 0, 10)] == [3]
        assert [row.sequence for row in outbox.list_since(tx, "a", begun_at, 10)] == [2, 3]
        outbox.delete_marked(tx, "a")
        assert [row.sequence for row in outbox.list_since(tx, "a", 0, 10)] == [3]


def test_a_dataset_with_marked_rows_only_has_nothing_pending(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        insert_dataset(tx, "a")
        insert_dataset(tx, "b")
        outbox.append(tx, clock, "a", PutSegments([1]))
        outbox.append(tx, clock, "b", PutSegments([1]))
        outbox.mark_applied(tx, "a", 1)
        assert outbox.list_datasets_with_pending(tx) == ["b"]
        assert outbox.count_pending(tx) == 1


def test_rows_of_a_dataset_become_visible_in_their_own_order(database: Database, clock: FakeClock) -> None:
    """A reader that remembers the last number it saw must not find a lower one later."""
    with database.begin() as tx:
        insert_dataset(tx, "a")
    seen: list[int] = []
    is_over = threading.Event()

    def append_some(writer: int) -> None:
        for number in range(15):
            with database.begin() as tx:
                outbox.append(tx, clock, "a", PutSegments([writer, number]))

    def read_all() -> None:
        while not is_over.is_set() or len(seen) < 60:
            with database.read() as conn:
                seen.extend(row.sequence for row in outbox.list_pending(conn, "a", seen[-1] if seen else 0, 7))
            if is_over.is_set() and len(seen) < 60:
                break

    reader = threading.Thread(target=read_all)
    writers = [threading.Thread(target=append_some, args=(number,)) for number in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join(60)
    is_over.set()
    reader.join(60)

    with database.read() as conn:
        rest = [row.sequence for row in outbox.list_pending(conn, "a", seen[-1] if seen else 0, 100)]
    assert seen + rest == list(range(1, 61))


def insert_dataset(tx: Connection, dataset_id: str) -> None:
    """Insert a dataset with zeros and empty texts in the columns that do not matter here."""
    empty: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: False}
    values = {column.name: empty[column.type.python_type] for column in datasets.columns if not column.nullable}
    tx.execute(datasets.insert().values({**values, "id": dataset_id, "name": dataset_id}))
