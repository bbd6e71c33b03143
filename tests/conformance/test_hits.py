"""Counting answers, on SQLite and on PostgreSQL: nothing is lost, and nothing of what has gone is counted."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.unit.indexes.catalog_rows import make_row
from zhiku.db.engine import Database
from zhiku.db.hits import ROWS, HitCounts
from zhiku.db.tables import datasets, documents, process_rules, segment_hits, segments, uploads

DOCUMENTS = 3


@pytest.fixture
def counted(database: Database) -> Callable[[], tuple[dict[int, int], dict[int, int]]]:
    """Read the counts of all segments that have any, and of all documents."""

    def read() -> tuple[dict[int, int], dict[int, int]]:
        with database.read() as conn:
            of_segments = conn.execute(select(segment_hits.c.segment_number, segment_hits.c.hit_count))
            of_documents = conn.execute(select(documents.c.number, documents.c.hit_count))
            return dict(map(tuple, of_segments)), dict(map(tuple, of_documents))

    return read


def fill(database: Database, count: int) -> None:
    with database.begin() as tx:
        tx.execute(datasets.insert(), [make_row(datasets, id="set", name="set")])
        tx.execute(uploads.insert(), [make_row(uploads, id="", dataset_id="set")])
        tx.execute(process_rules.insert(), [make_row(process_rules, id="", dataset_id="set")])
        tx.execute(
            documents.insert(),
            [
                make_row(documents, number=number, id=f"d{number}", dataset_id="set", position=number)
                for number in range(DOCUMENTS)
            ],
        )
        tx.execute(
            segments.insert(),
            [
                make_row(
                    segments,
                    number=number,
                    id=f"s{number}",
                    dataset_id="set",
                    document_number=number % DOCUMENTS,
                    position=number,
                )
                for number in range(1, count + 1)
            ],
        )


def test_counts_of_more_segments_than_one_statement_takes_are_added_up(
    database: Database, counted: Callable[[], tuple[dict[int, int], dict[int, int]]]
) -> None:
    size = ROWS + 10
    fill(database, size)
    hits = HitCounts(database)
    for _ in range(2):
        hits.count(list(range(1, size + 1)))
        hits.flush()
    hits.count([1, 1])
    hits.flush()
    of_segments, of_documents = counted()
    assert of_segments == {1: 4} | dict.fromkeys(range(2, size + 1), 2)
    assert sum(of_documents.values()) == 2 * size + 2
    assert of_documents[1] == sum(count for number, count in of_segments.items() if number % DOCUMENTS == 1)


def test_a_segment_that_has_gone_counts_nowhere(
    database: Database, counted: Callable[[], tuple[dict[int, int], dict[int, int]]]
) -> None:
    fill(database, 6)
    hits = HitCounts(database)
    hits.count([1, 2, 99])
    with database.begin() as tx:
        tx.execute(segments.delete().where(segments.c.number == 2))
    hits.flush()
    assert counted() == ({1: 1}, {0: 0, 1: 1, 2: 0})


def test_waiting_counts_are_told_until_they_are_written(database: Database) -> None:
    fill(database, 3)
    hits = HitCounts(database)
    assert [hits.count([1, 2]), hits.count([2]), hits.count([2, 3])] == [[0, 0], [1], [2, 0]]
    hits.flush()
    assert hits.count([2]) == [0]
