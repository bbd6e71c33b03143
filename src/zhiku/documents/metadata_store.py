"""SQL of the metadata that documents show: their own values and the built-in ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, select

from zhiku.datasets.built_in_fields import (
    BUILT_IN_ID,
    BUILT_IN_TYPES,
    DOCUMENT_NAME,
    LAST_UPDATE_DATE,
    SOURCE,
    SOURCES,
    UPLOAD_DATE,
    UPLOADER,
)
from zhiku.db.tables import api_keys, datasets, documents, metadata_fields, metadata_values
from zhiku.text.readings import written_value


@dataclass(frozen=True, slots=True)
class MetadataEntry:
    """One metadata value of a document, its own or a built-in one."""

    id: str
    name: str
    type: str
    value: str | int | float | None


_UPLOADER = func.coalesce(
    select(api_keys.c.actor_name)
    .where(api_keys.c.actor_id == documents.c.created_by)
    .order_by(api_keys.c.created_at.desc(), api_keys.c.id)
    .limit(1)
    .scalar_subquery(),
    datasets.c.author_name,
)
# What lists, details and retrieval show of each document's metadata. Relies on the primary keys alone.
_METADATA = (
    select(
        documents.c.number,
        metadata_fields.c.id,
        metadata_fields.c.name,
        metadata_fields.c.type,
        metadata_values.c.kind,
        metadata_values.c.text,
        datasets.c.is_built_in_field_enabled,
        documents.c.name,
        case((datasets.c.is_built_in_field_enabled, _UPLOADER)),
        documents.c.created_at,
        documents.c.updated_at,
        documents.c.data_source_type,
    )
    .select_from(documents)
    .join(datasets, datasets.c.id == documents.c.dataset_id)
    .outerjoin(metadata_values, metadata_values.c.document_number == documents.c.number)
    .outerjoin(metadata_fields, metadata_fields.c.number == metadata_values.c.field_number)
    .where(documents.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(documents.c.number, metadata_fields.c.number)
)


def list_metadata(conn: Connection, numbers: Sequence[int]) -> dict[int, list[MetadataEntry]]:
    """Return each document's metadata: its own values by creation of their fields, then the built-in ones if shown."""
    found: dict[int, list[MetadataEntry]] = {number: [] for number in numbers}
    built_in: dict[int, list[MetadataEntry]] = {}
    for number, field_id, name, field_type, kind, value, is_shown, *sources in conn.execute(
        _METADATA, {"numbers": list(numbers)}
    ):
        if field_id is not None:
            found[number].append(MetadataEntry(field_id, name, field_type, written_value(kind, value)))
        if is_shown and number not in built_in:
            built_in[number] = _built_in_entries(*sources)
    return {number: [*entries, *built_in.get(number, ())] for number, entries in found.items()}


def _built_in_entries(
    name: str, uploader: str, created_at: float, updated_at: float, data_source_type: str
) -> list[MetadataEntry]:
    values = {
        DOCUMENT_NAME: name,
        UPLOADER: uploader,
        UPLOAD_DATE: int(created_at),
        LAST_UPDATE_DATE: int(updated_at),
        SOURCE: SOURCES.get(data_source_type, data_source_type),
    }
    return [MetadataEntry(BUILT_IN_ID, field, kind, values[field]) for field, kind in BUILT_IN_TYPES.items()]
