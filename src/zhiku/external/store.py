"""SQL of datasets as other programs name them; it writes nothing."""

from sqlalchemy import Connection, bindparam, select

from zhiku.db.tables import datasets

_FIND_BY_NAME = select(datasets.c.id).where(datasets.c.name == bindparam("wanted_name"))


def find_dataset_id(conn: Connection, name: str) -> str | None:
    """Return the id of the dataset with exactly this name."""
    return conn.execute(_FIND_BY_NAME, {"wanted_name": name}).scalar_one_or_none()
