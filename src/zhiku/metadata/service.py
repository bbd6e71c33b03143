"""Rules of metadata: names of fields are unique in a dataset, and a document has at most one value in each."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from zhiku.datasets import store as dataset_store
from zhiku.datasets.built_in_fields import BUILT_IN_ID, BUILT_IN_TYPES
from zhiku.errors import InvalidAction, InvalidParam, NotFound
from zhiku.metadata import store
from zhiku.metadata.schemas import NAME_CHARS, CreateField, DocumentOperation, DocumentValue, UpdateDocuments
from zhiku.metadata.store import Field
from zhiku.runtime import Runtime
from zhiku.text.readings import Reading, read_value

NAME_TAKEN = "Metadata name already exists."
NAME_BUILT_IN = "Metadata name already exists in Built-in fields."
NAME_TOO_LONG = f"Metadata name cannot exceed {NAME_CHARS} characters."
NO_FIELD = "Metadata not found."


def create_field(rt: Runtime, dataset_id: str, request: CreateField) -> Field:
    """Add a field to a dataset and return it. Raises InvalidParam for a name that is taken, built in or too long."""
    _check_name(request.name)
    field_id = str(uuid4())
    with rt.db.begin() as tx:
        if not dataset_store.hold_dataset(tx, dataset_id):
            raise NotFound("Dataset not found.")
        if not store.insert_field(tx, dataset_id, field_id, request.name, request.type, rt.clock.now()):
            raise InvalidParam(NAME_TAKEN, params="name")
        return _existing(store.find_field(tx, dataset_id, field_id))


def list_fields(rt: Runtime, dataset_id: str) -> list[tuple[Field, int]]:
    """Return the dataset's own fields, oldest first, each with how many documents it is on."""
    with rt.db.read() as conn:
        return store.list_fields(conn, dataset_id)


def get_field(rt: Runtime, dataset_id: str, field_id: str) -> Field:
    """Return a field of the dataset. Raises NotFound."""
    with rt.db.read() as conn:
        return _existing(store.find_field(conn, dataset_id, field_id))


def rename_field(rt: Runtime, dataset_id: str, field_id: str, name: str) -> Field:
    """Give a field another name, under which the values of all documents go on; return it.

    Raises NotFound, InvalidParam for a name that is taken, built in or too long.
    """
    _check_name(name)
    with rt.db.begin() as tx:
        field = _existing(store.find_field(tx, dataset_id, field_id))
        if not store.rename_field(tx, field.number, name):
            raise InvalidParam(NAME_TAKEN, params="name")
        return _existing(store.find_field(tx, dataset_id, field_id))


def delete_field(rt: Runtime, dataset_id: str, field_id: str) -> None:
    """Delete a field and the values that documents have in it. Raises NotFound."""
    with rt.db.begin() as tx:
        dataset_store.hold_dataset(tx, dataset_id)
        if not store.delete_field(tx, dataset_id, field_id):
            raise NotFound(NO_FIELD)


def switch_built_in_fields(rt: Runtime, dataset_id: str, action: str) -> None:
    """Show the built-in fields (`enable`) or hide them (`disable`). Raises InvalidAction for anything else."""
    if action not in ("enable", "disable"):
        raise InvalidAction
    with rt.db.begin() as tx:
        dataset_store.set_built_in_fields(tx, dataset_id, action == "enable")


def update_documents(rt: Runtime, dataset_id: str, request: UpdateDocuments) -> None:
    """Write metadata values of documents, all or nothing.

    Raises InvalidParam if a document is not in the dataset or a field is known neither by id nor by name.
    """
    operations = request.operation_data
    with rt.db.begin() as tx:
        # Keeps documents and fields from going away before the values are written.
        dataset_store.hold_dataset(tx, dataset_id)
        wanted = {operation.document_id.lower() for operation in operations}
        numbers = store.find_document_numbers(tx, dataset_id, wanted)
        if len(numbers) < len(wanted):
            raise InvalidParam("Document not found.", params="operation_data")
        replaced, values = _merged(operations, numbers, store.list_all_fields(tx, dataset_id))
        store.clear_values(tx, replaced)
        store.put_values(tx, ((document, field, reading) for (document, field), reading in values.items()))


def _merged(
    operations: Sequence[DocumentOperation], numbers: Mapping[str, int], fields: Sequence[Field]
) -> tuple[list[int], dict[tuple[int, int], Reading]]:
    """Return the documents whose old values go, and what is written by document and field, later ones winning."""
    by_id = {field.id: field.number for field in fields}
    by_name = {field.name: field.number for field in fields}
    replaced: dict[int, None] = {}
    values: dict[int, dict[int, Reading]] = {}
    for operation in operations:
        document = numbers[operation.document_id.lower()]
        if not operation.partial_update:
            replaced[document] = None
            values[document] = {}
        written = values.setdefault(document, {})
        for entry in operation.metadata_list:
            field = _field_number(entry, by_id, by_name)
            if field is not None:
                written[field] = read_value(entry.value)
    flat = {(document, field): reading for document, of in values.items() for field, reading in of.items()}
    return list(replaced), flat


def _field_number(entry: DocumentValue, by_id: Mapping[str, int], by_name: Mapping[str, int]) -> int | None:
    """Return the number of the field that is meant, None for a built-in one, which nobody can write."""
    number = by_id.get((entry.id or "").lower())
    if number is not None:
        return number
    if entry.id == BUILT_IN_ID or entry.name in BUILT_IN_TYPES:
        return None
    number = by_name.get(entry.name or "")
    if number is None:
        raise InvalidParam(NO_FIELD, params="operation_data")
    return number


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARS:
        raise InvalidParam(NAME_TOO_LONG, params="name")
    if name in BUILT_IN_TYPES:
        raise InvalidParam(NAME_BUILT_IN, params="name")


def _existing(field: Field | None) -> Field:
    if field is None:
        raise NotFound(NO_FIELD)
    return field
