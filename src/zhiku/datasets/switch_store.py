"""SQL of index switches: what a dataset's index is being made anew for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, delete, insert, select, update

from zhiku.db.tables import index_switches


@dataclass(frozen=True, slots=True)
class IndexSwitch:
    """A change of technique or embedding model that is under way, or was given up for `error`.

    `index_dimension` is None until every text has its vector; then the new index can be built, of `embedding_key`'s
    vectors.
    """

    dataset_id: str
    id: str
    technique: str
    embedding_model: str | None
    embedding_model_provider: str | None
    index_dimension: int | None
    embedding_key: str | None
    error: str | None
    created_at: float

    @property
    def is_under_way(self) -> bool:
        """Tell whether the dataset is still being switched."""
        return self.error is None

    @property
    def is_ready(self) -> bool:
        """Tell whether only the new index is left to build."""
        return self.is_under_way and self.index_dimension is not None


_COLUMNS = [index_switches.c[field.name] for field in fields(IndexSwitch)]


def find_switch(conn: Connection, dataset_id: str) -> IndexSwitch | None:
    """Return the dataset's switch, also one that was given up, or None."""
    return list_switches(conn, [dataset_id]).get(dataset_id)


def list_switches(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, IndexSwitch]:
    """Return the switches of these datasets by dataset id."""
    rows = conn.execute(select(*_COLUMNS).where(index_switches.c.dataset_id.in_(dataset_ids)))
    return {row.dataset_id: IndexSwitch(*row) for row in rows}


def list_all_switches(conn: Connection) -> list[IndexSwitch]:
    """Return every switch, the oldest first."""
    ordered = select(*_COLUMNS).order_by(index_switches.c.created_at, index_switches.c.dataset_id)
    return [IndexSwitch(*row) for row in conn.execute(ordered)]


def replace_switch(tx: Connection, switch: IndexSwitch) -> None:
    """Make this the dataset's switch, in the place of any other."""
    delete_switch(tx, switch.dataset_id)
    tx.execute(insert(index_switches), {field.name: getattr(switch, field.name) for field in fields(IndexSwitch)})


def delete_switch(tx: Connection, dataset_id: str) -> bool:
    """Forget the dataset's switch; False if it has none."""
    return tx.execute(delete(index_switches).where(index_switches.c.dataset_id == dataset_id)).rowcount == 1


def mark_ready(tx: Connection, switch: IndexSwitch, dimension: int, embedding_key: str) -> bool:
    """Note that every text has its vector; False if the switch is no longer the dataset's."""
    return _change(tx, switch, index_dimension=dimension, embedding_key=embedding_key)


def mark_unready(tx: Connection, switch: IndexSwitch) -> bool:
    """Note that some texts lack their vectors after all; False if the switch is no longer the dataset's."""
    return _change(tx, switch, index_dimension=None, embedding_key=None)


def mark_given_up(tx: Connection, switch: IndexSwitch, error: str) -> bool:
    """Note why the dataset stays as it is; False if the switch is no longer the dataset's."""
    return _change(tx, switch, error=error, index_dimension=None, embedding_key=None)


def set_switch_names(tx: Connection, switch: IndexSwitch, provider: str | None, model: str | None) -> None:
    """Spell the model of a switch as the client does now."""
    _change(tx, switch, embedding_model=model, embedding_model_provider=provider)


def _change(tx: Connection, switch: IndexSwitch, **values: object) -> bool:
    is_it = (index_switches.c.dataset_id == switch.dataset_id, index_switches.c.id == switch.id)
    return tx.execute(update(index_switches).where(*is_it).values(**values)).rowcount == 1
