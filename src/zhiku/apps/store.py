"""SQL of retrieval apps and of the datasets that each of them holds."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhiku.access.actor import Actor
from zhiku.access.store import visible_to
from zhiku.datasets.store import Dataset
from zhiku.db.tables import app_datasets, apps, datasets


@dataclass(frozen=True, slots=True)
class App:
    """A row of `apps`."""

    id: str
    name: str
    description: str
    retrieval_model_json: str
    created_by: str
    author_name: str
    created_at: float
    updated_by: str
    updated_at: float


@dataclass(frozen=True, slots=True)
class AppRow:
    """An app with the ids of its datasets, in the order in which they were given."""

    app: App
    dataset_ids: Sequence[str]


_COLUMNS = [apps.c[field.name] for field in fields(App)]


def insert_app(tx: Connection, app: App) -> bool:
    """Add an app without datasets; False if its name is taken."""
    try:
        with tx.begin_nested():
            tx.execute(insert(apps), {field.name: getattr(app, field.name) for field in fields(App)})
    except IntegrityError:
        return False
    return True


def update_app(tx: Connection, app_id: str, values: dict[str, Any]) -> bool:
    """Change columns of an app; False if another app has the new name."""
    try:
        with tx.begin_nested():
            tx.execute(update(apps).where(apps.c.id == app_id).values(**values))
    except IntegrityError:
        return False
    return True


def delete_app(tx: Connection, app_id: str) -> bool:
    """Remove an app and let go of its datasets; False if there is none."""
    return tx.execute(delete(apps).where(apps.c.id == app_id)).rowcount == 1


def find_app(conn: Connection, actor: Actor, app_id: str) -> AppRow | None:
    """Return an app, or None; also if one of its datasets is out of the actor's sight."""
    row = conn.execute(select(*_COLUMNS).where(apps.c.id == app_id, *_seen_by(actor))).first()
    return AppRow(App(*row), _list_dataset_ids(conn, [app_id])[app_id]) if row else None


def hold_app(tx: Connection, app_id: str) -> bool:
    """Make other changes of the app wait until commit; False if the app is gone."""
    return tx.execute(update(apps).where(apps.c.id == app_id).values(name=apps.c.name)).rowcount == 1


def list_apps(conn: Connection, actor: Actor, keyword: str | None, offset: int, limit: int) -> list[AppRow]:
    """Return a page of the apps of which the actor sees every dataset, newest first."""
    page = (
        select(*_COLUMNS)
        .where(*_seen_by(actor), *_matching(keyword))
        .order_by(apps.c.created_at.desc(), apps.c.id)
        .offset(offset)
        .limit(limit)
    )
    found = [App(*row) for row in conn.execute(page)]
    held = _list_dataset_ids(conn, [app.id for app in found])
    return [AppRow(app, held[app.id]) for app in found]


def count_apps(conn: Connection, actor: Actor, keyword: str | None) -> int:
    """Return how many of the apps of which the actor sees every dataset match."""
    matching = select(func.count()).select_from(apps).where(*_seen_by(actor), *_matching(keyword))
    return conn.execute(matching).scalar_one()


def hold_datasets(tx: Connection, actor: Actor, dataset_ids: Sequence[str]) -> int:
    """Keep these datasets from being deleted until commit; return how many of them exist and are seen by the actor.

    PostgreSQL locks them in the order of their ids, so that two callers never wait for each other; on SQLite
    writers wait for each other anyway.
    """
    wanted = select(datasets.c.id).where(datasets.c.id.in_(dataset_ids), *visible_to(actor)).order_by(datasets.c.id)
    return len(tx.execute(wanted.with_for_update(key_share=True)).all())


def set_datasets(tx: Connection, app_id: str, dataset_ids: Sequence[str]) -> None:
    """Let the app hold these datasets and no others."""
    tx.execute(delete(app_datasets).where(app_datasets.c.app_id == app_id))
    held = [
        {"app_id": app_id, "dataset_id": dataset_id, "position": position}
        for position, dataset_id in enumerate(dataset_ids, 1)
    ]
    tx.execute(insert(app_datasets), held)


def list_open_datasets(conn: Connection, app_id: str) -> list[Dataset]:
    """Return those of the app's datasets that may be used over the API, in the app's order."""
    statement = (
        select(*(datasets.c[field.name] for field in fields(Dataset)))
        .join(app_datasets, app_datasets.c.dataset_id == datasets.c.id)
        .where(app_datasets.c.app_id == app_id, datasets.c.is_api_enabled)
        .order_by(app_datasets.c.position)
    )
    return [Dataset(*row) for row in conn.execute(statement)]


def _list_dataset_ids(conn: Connection, app_ids: Sequence[str]) -> dict[str, list[str]]:
    statement = (
        select(app_datasets.c.app_id, app_datasets.c.dataset_id)
        .where(app_datasets.c.app_id.in_(app_ids))
        .order_by(app_datasets.c.position)
    )
    found: dict[str, list[str]] = {app_id: [] for app_id in app_ids}
    for app_id, dataset_id in conn.execute(statement):
        found[app_id].append(dataset_id)
    return found


def _seen_by(actor: Actor) -> list[ColumnElement[bool]]:
    visible = visible_to(actor)
    if not visible:
        return []
    unseen = (
        select(app_datasets.c.dataset_id)
        .join(datasets, datasets.c.id == app_datasets.c.dataset_id)
        .where(app_datasets.c.app_id == apps.c.id, ~and_(*visible))
        .correlate(apps)
    )
    return [~unseen.exists()]


def _matching(keyword: str | None) -> list[ColumnElement[bool]]:
    if keyword is None:
        return []
    return [func.lower(apps.c.name).contains(keyword.lower(), autoescape=True)]
