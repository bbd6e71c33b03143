"""SQL of metadata fields and of the values that documents have in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from zhiku.db.tables import documents, metadata_fields, metadata_values
from zhiku.text.readings import HEAD_CHARS, Reading


@dataclass(frozen=True, slots=True)
class Field:
    """A metadata field of a dataset."""

    number: int
    id: str
    name: str
    type: str


_FIELD = [metadata_fields.c.number, metadata_fields.c.id, metadata_fields.c.name, metadata_fields.c.type]
_COUNT = (
    select(func.count())
    .select_from(metadata_values)
    .where(metadata_values.c.field_number == metadata_fields.c.number)
    .scalar_subquery()
)
# Writes a value over the one that the document has, if any; relies on the primary key of metadata_values.
_PUT = text("""
    INSERT INTO metadata_values (document_number, field_number, kind, text, head, number, moment)
    VALUES (:document_number, :field_number, :kind, :text, :head, :number, :moment)
    ON CONFLICT (document_number, field_number) DO UPDATE SET
        kind = excluded.kind,
        text = excluded.text,
        head = excluded.head,
        number = excluded.number,
        moment = excluded.moment
""")


def insert_field(tx: Connection, dataset_id: str, field_id: str, name: str, field_type: str, now: float) -> bool:
    """Add a field to a dataset that is held; False if the dataset has one of this name."""
    values = {"id": field_id, "dataset_id": dataset_id, "name": name, "type": field_type, "created_at": now}
    try:
        with tx.begin_nested():
            tx.execute(insert(metadata_fields), values)
    except IntegrityError:
        return False
    return True


def rename_field(tx: Connection, number: int, name: str) -> bool:
    """Give a field another name, or its own again; False if another field of the dataset has it."""
    try:
        with tx.begin_nested():
            tx.execute(update(metadata_fields).where(metadata_fields.c.number == number).values(name=name))
    except IntegrityError:
        return False
    return True


def delete_field(tx: Connection, dataset_id: str, field_id: str) -> bool:
    """Remove a field with its values; False if the dataset has none of this id."""
    gone = delete(metadata_fields).where(metadata_fields.c.dataset_id == dataset_id, metadata_fields.c.id == field_id)
    return tx.execute(gone).rowcount == 1


def find_field(conn: Connection, dataset_id: str, field_id: str) -> Field | None:
    """Return a field of the dataset, or None."""
    statement = select(*_FIELD).where(metadata_fields.c.dataset_id == dataset_id, metadata_fields.c.id == field_id)
    row = conn.execute(statement).first()
    return Field(*row) if row else None


def list_fields(conn: Connection, dataset_id: str) -> list[tuple[Field, int]]:
    """Return the dataset's fields, oldest first, each with the number of documents that have a value in it."""
    statement = (
        select(*_FIELD, _COUNT).where(metadata_fields.c.dataset_id == dataset_id).order_by(metadata_fields.c.number)
    )
    return [(Field(*field), int(count)) for *field, count in conn.execute(statement)]


def list_all_fields(conn: Connection, dataset_id: str) -> list[Field]:
    """Return the dataset's fields, oldest first."""
    statement = select(*_FIELD).where(metadata_fields.c.dataset_id == dataset_id).order_by(metadata_fields.c.number)
    return [Field(*row) for row in conn.execute(statement)]


def find_document_numbers(conn: Connection, dataset_id: str, document_ids: Iterable[str]) -> dict[str, int]:
    """Return the numbers of those of the documents that are in the dataset, by id."""
    wanted = documents.c.dataset_id == dataset_id, documents.c.id.in_(list(document_ids))
    return {row.id: row.number for row in conn.execute(select(documents.c.id, documents.c.number).where(*wanted))}


def clear_values(tx: Connection, document_numbers: Sequence[int]) -> None:
    """Remove all values of these documents."""
    tx.execute(delete(metadata_values).where(metadata_values.c.document_number.in_(document_numbers)))


def put_values(tx: Connection, values: Iterable[tuple[int, int, Reading]]) -> None:
    """Write values, each given as document number, field number and reading."""
    rows = [
        {
            "document_number": document_number,
            "field_number": field_number,
            "kind": reading.kind,
            "text": reading.text,
            "head": reading.text and reading.text[:HEAD_CHARS],
            "number": reading.number,
            "moment": reading.moment,
        }
        for document_number, field_number, reading in values
    ]
    if rows:
        tx.execute(_PUT, rows)
