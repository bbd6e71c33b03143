"""SQL of what external datasets are bound to: a connection, the id at its source, and how it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhiku.db.tables import external_bindings, external_connections


@dataclass(frozen=True, slots=True)
class Binding:
    """A row of `external_bindings`."""

    dataset_id: str
    connection_id: str
    external_knowledge_id: str
    retrieval_model_json: str


@dataclass(frozen=True, slots=True)
class BoundSource:
    """A dataset's binding with the connection it leads to, whose key is encrypted."""

    binding: Binding
    connection_name: str
    endpoint: str
    sealed_key: str


_COLUMNS = [external_bindings.c[field.name] for field in fields(Binding)]
_SOURCES = select(
    *_COLUMNS, external_connections.c.name, external_connections.c.endpoint, external_connections.c.sealed_key
).join_from(external_bindings, external_connections)


def is_connection(conn: Connection, connection_id: str) -> bool:
    """Tell whether there is a connection of this id."""
    wanted = select(external_connections.c.id).where(external_connections.c.id == connection_id)
    return conn.execute(wanted).first() is not None


def insert_binding(tx: Connection, binding: Binding) -> bool:
    """Bind a new dataset; False if its connection has gone meanwhile, and the transaction must end."""
    try:
        tx.execute(insert(external_bindings), {field.name: getattr(binding, field.name) for field in fields(Binding)})
    except IntegrityError:
        return False
    return True


def update_binding(tx: Connection, dataset_id: str, values: dict[str, Any]) -> bool:
    """Change a dataset's binding; False if its connection has gone meanwhile, and the transaction must end."""
    try:
        tx.execute(update(external_bindings).where(external_bindings.c.dataset_id == dataset_id).values(**values))
    except IntegrityError:
        return False
    return True


def find_source(conn: Connection, dataset_id: str) -> BoundSource | None:
    """Return what a dataset is bound to, None if it is not external."""
    return list_sources(conn, [dataset_id]).get(dataset_id)


def list_sources(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, BoundSource]:
    """Return what each of the datasets is bound to; those that are not external are left out."""
    if not dataset_ids:
        return {}
    statement = _SOURCES.where(external_bindings.c.dataset_id.in_(dataset_ids))
    rows: Sequence[Any] = conn.execute(statement).all()
    return {row[0]: BoundSource(Binding(*row[:4]), *row[4:]) for row in rows}
