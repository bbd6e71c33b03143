"""SQL of connections to external sources, and of datasets as other programs name them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhiku.db.tables import datasets, external_bindings, external_connections


@dataclass(frozen=True, slots=True)
class ExternalConnection:
    """A row of `external_connections`; its key is encrypted."""

    id: str
    name: str
    description: str
    endpoint: str
    sealed_key: str
    created_by: str
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class BoundDataset:
    """A dataset that is bound to a connection."""

    id: str
    name: str


_COLUMNS = [external_connections.c[field.name] for field in fields(ExternalConnection)]
_FIND_BY_NAME = select(datasets.c.id).where(datasets.c.name == bindparam("wanted_name"))


def find_dataset_id(conn: Connection, name: str) -> str | None:
    """Return the id of the dataset with exactly this name."""
    return conn.execute(_FIND_BY_NAME, {"wanted_name": name}).scalar_one_or_none()


def insert_connection(tx: Connection, connection: ExternalConnection) -> None:
    """Add a connection."""
    values = {field.name: getattr(connection, field.name) for field in fields(ExternalConnection)}
    tx.execute(insert(external_connections), values)


def find_connection(conn: Connection, connection_id: str) -> ExternalConnection | None:
    """Return a connection, or None."""
    row = conn.execute(select(*_COLUMNS).where(external_connections.c.id == connection_id)).first()
    return ExternalConnection(*row) if row else None


def list_connections(conn: Connection, keyword: str | None, offset: int, limit: int) -> list[ExternalConnection]:
    """Return a page of the connections whose name holds `keyword`, newest first."""
    page = (
        select(*_COLUMNS)
        .where(*_matching(keyword))
        .order_by(external_connections.c.created_at.desc(), external_connections.c.id)
        .offset(offset)
        .limit(limit)
    )
    return [ExternalConnection(*row) for row in conn.execute(page)]


def count_connections(conn: Connection, keyword: str | None) -> int:
    """Return how many connections have `keyword` in their name."""
    counted = select(func.count()).select_from(external_connections).where(*_matching(keyword))
    return conn.execute(counted).scalar_one()


def list_bound_datasets(conn: Connection, connection_ids: Sequence[str]) -> dict[str, list[BoundDataset]]:
    """Return the datasets bound to each of the connections, by name."""
    statement = (
        select(external_bindings.c.connection_id, datasets.c.id, datasets.c.name)
        .join_from(external_bindings, datasets)
        .where(external_bindings.c.connection_id.in_(connection_ids))
        .order_by(datasets.c.name)
    )
    found: dict[str, list[BoundDataset]] = {connection_id: [] for connection_id in connection_ids}
    for connection_id, *dataset in conn.execute(statement):
        found[connection_id].append(BoundDataset(*dataset))
    return found


def update_connection(tx: Connection, connection_id: str, values: dict[str, Any]) -> bool:
    """Change a connection; False if it is gone."""
    changed = update(external_connections).where(external_connections.c.id == connection_id).values(**values)
    return tx.execute(changed).rowcount == 1


def delete_connection(tx: Connection, connection_id: str) -> bool | None:
    """Delete a connection; False if it is gone, None if datasets are bound to it: the transaction must end."""
    try:
        return tx.execute(delete(external_connections).where(external_connections.c.id == connection_id)).rowcount == 1
    except IntegrityError:
        return None


def _matching(keyword: str | None) -> list[Any]:
    if keyword is None:
        return []
    return [func.lower(external_connections.c.name).contains(keyword.lower(), autoescape=True)]
