"""What the index must still do about committed changes: rows appended in the writer's transaction (ADR-0002).

A dataset's rows are numbered without gaps in the order of their commits, so an applier that remembers one
number misses nothing.
"""

from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, text

from zhiku.clock import Clock


class DatasetGone(Exception):
    """The dataset was deleted meanwhile: roll back, there is nothing left to change."""


class PutDocument(msgspec.Struct, frozen=True, tag_field="change", tag="put_document"):
    """Put the postings of a generation of a document; it is then the live one and completed."""

    document_id: str
    generation: int


class PutSegments(msgspec.Struct, frozen=True, tag_field="change", tag="put_segments"):
    """Put the postings of these segments as the catalog has them now, or remove those that are off or gone."""

    numbers: list[int]


class DeletePostings(msgspec.Struct, frozen=True, tag_field="change", tag="delete_postings"):
    """Remove postings by number."""

    numbers: list[int]


class DeleteDocument(msgspec.Struct, frozen=True, tag_field="change", tag="delete_document"):
    """Remove all postings of a document."""

    document_number: int


class EndSummaries(msgspec.Struct, frozen=True, tag_field="change", tag="end_summaries"):
    """Nothing for the index: behind the postings of the last summary, the document no longer waits for any."""

    document_id: str
    generation: int


class DropIndex(msgspec.Struct, frozen=True, tag_field="change", tag="drop_index"):
    """Remove the whole index of a dataset that is being deleted, or that has no documents and is set up anew."""


class RebuildShard(msgspec.Struct, frozen=True, tag_field="change", tag="rebuild_shard"):
    """Build the dataset's shard anew from the catalog and swap it in."""


Change = PutDocument | PutSegments | DeletePostings | DeleteDocument | EndSummaries | DropIndex | RebuildShard

_decoder: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One change of a dataset; `created_at` is epoch seconds."""

    dataset_id: str
    sequence: int
    change: Change
    created_at: float


# The number of the dataset's next row. The row lock lasts until commit, so that on PostgreSQL too a
# dataset's rows become visible in their own order.
_NEXT_SEQUENCE = text("""
    UPDATE datasets
    SET outbox_sequence = outbox_sequence + 1
    WHERE id = :dataset_id
    RETURNING outbox_sequence
""")

_INSERT_ROW = text("""
    INSERT INTO outbox (dataset_id, sequence, change, payload_json, is_applied, created_at)
    VALUES (:dataset_id, :sequence, :change, :payload_json, false, :created_at)
""")

# What has the serving shard not got yet? Relies on ix_outbox_pending.
_LIST_PENDING = text("""
    SELECT dataset_id, sequence, payload_json, created_at
    FROM outbox
    WHERE dataset_id = :dataset_id
    AND sequence > :after
    AND is_applied = false
    ORDER BY sequence
    LIMIT :limit
""")

# What happened since a rebuild began, whether or not the serving shard has it? Relies on the primary key.
_LIST_SINCE = text("""
    SELECT dataset_id, sequence, payload_json, created_at
    FROM outbox
    WHERE dataset_id = :dataset_id
    AND sequence > :after
    ORDER BY sequence
    LIMIT :limit
""")

# Which datasets have something to apply? Relies on ix_outbox_pending.
_LIST_DATASETS = text("""
    SELECT DISTINCT dataset_id
    FROM outbox
    WHERE is_applied = false
    ORDER BY dataset_id
""")

_COUNT_PENDING = text("""
    SELECT COUNT(*)
    FROM outbox
    WHERE is_applied = false
""")

_GET_SEQUENCE = text("""
    SELECT outbox_sequence
    FROM datasets
    WHERE id = :dataset_id
""")

_MARK_APPLIED = text("""
    UPDATE outbox
    SET is_applied = true
    WHERE dataset_id = :dataset_id
    AND sequence <= :up_to
    AND is_applied = false
""")

_DELETE_UP_TO = text("""
    DELETE FROM outbox
    WHERE dataset_id = :dataset_id
    AND sequence <= :up_to
""")

# A rebuild that ended, well or not, leaves behind what only it wanted.
_DELETE_MARKED = text("""
    DELETE FROM outbox
    WHERE dataset_id = :dataset_id
    AND is_applied = true
""")

_DELETE_ALL_MARKED = text("""
    DELETE FROM outbox
    WHERE is_applied = true
""")


def append(tx: Connection, clock: Clock, dataset_id: str, change: Change) -> int:
    """Note what the index must do about the caller's change; return the row's number in its dataset, from 1.

    Other writers to the dataset's outbox wait until `tx` ends, so append last. Raises DatasetGone.
    """
    sequence = tx.execute(_NEXT_SEQUENCE, {"dataset_id": dataset_id}).scalar_one_or_none()
    if sequence is None:
        raise DatasetGone
    values = {
        "dataset_id": dataset_id,
        "sequence": sequence,
        "change": change.__struct_config__.tag,
        "payload_json": msgspec.json.encode(change).decode(),
        "created_at": clock.now(),
    }
    tx.execute(_INSERT_ROW, values)
    return sequence


def list_pending(conn: Connection, dataset_id: str, after: int, limit: int) -> list[OutboxRow]:
    """Return at most `limit` rows behind `after` that the serving shard has not got, in their order."""
    return _list_rows(conn, dataset_id, after, limit, is_pending_only=True)


def list_since(conn: Connection, dataset_id: str, after: int, limit: int) -> list[OutboxRow]:
    """Return at most `limit` rows behind `after`, marked ones included, in their order: what a rebuild replays."""
    return _list_rows(conn, dataset_id, after, limit, is_pending_only=False)


def list_datasets_with_pending(conn: Connection) -> list[str]:
    """Return the ids of the datasets whose serving shard lacks something, deleted datasets included."""
    return list(conn.execute(_LIST_DATASETS).scalars())


def count_pending(conn: Connection) -> int:
    """Return how many rows no serving shard has got yet."""
    return conn.execute(_COUNT_PENDING).scalar_one()


def get_sequence(conn: Connection, dataset_id: str) -> int:
    """Return the number of the dataset's newest row, 0 before the first; where a rebuild begins. Raises DatasetGone."""
    sequence = conn.execute(_GET_SEQUENCE, {"dataset_id": dataset_id}).scalar_one_or_none()
    if sequence is None:
        raise DatasetGone
    return sequence


def mark_applied(tx: Connection, dataset_id: str, up_to: int) -> None:
    """Keep the rows up to `up_to` as applied: a rebuild will want them again."""
    tx.execute(_MARK_APPLIED, {"dataset_id": dataset_id, "up_to": up_to})


def delete_applied(tx: Connection, dataset_id: str, up_to: int) -> None:
    """Delete the rows up to `up_to`, marked or not: every shard has them."""
    tx.execute(_DELETE_UP_TO, {"dataset_id": dataset_id, "up_to": up_to})


def delete_marked(tx: Connection, dataset_id: str) -> None:
    """Delete the rows that `mark_applied` kept, when no rebuild wants them any more."""
    tx.execute(_DELETE_MARKED, {"dataset_id": dataset_id})


def delete_all_marked(tx: Connection) -> None:
    """Delete every row that `mark_applied` kept: at a start no rebuild is under way."""
    tx.execute(_DELETE_ALL_MARKED)


def _list_rows(conn: Connection, dataset_id: str, after: int, limit: int, *, is_pending_only: bool) -> list[OutboxRow]:
    query = _LIST_PENDING if is_pending_only else _LIST_SINCE
    rows = conn.execute(query, {"dataset_id": dataset_id, "after": after, "limit": limit})
    return [OutboxRow(row.dataset_id, row.sequence, _decoder.decode(row.payload_json), row.created_at) for row in rows]
