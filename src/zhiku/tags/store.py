"""SQL of tags and of which dataset has which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from zhiku.access.actor import Actor
from zhiku.access.store import visible_to
from zhiku.db.tables import datasets, tag_bindings, tags


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and on how many datasets it is, of those that an actor sees."""

    id: str
    name: str
    binding_count: int


_COUNT = (
    select(func.count()).select_from(tag_bindings).where(tag_bindings.c.tag_number == tags.c.number).scalar_subquery()
)
_TAG = select(tags.c.id, tags.c.name, _COUNT)
# Binds what is not bound yet; relies on the primary key of tag_bindings.
_BIND = text("""
    INSERT INTO tag_bindings (dataset_id, tag_number)
    SELECT :dataset_id, number
    FROM tags
    WHERE number IN :numbers
    ON CONFLICT (dataset_id, tag_number) DO NOTHING
""").bindparams(bindparam("numbers", expanding=True))


def insert_tag(tx: Connection, tag_id: str, name: str, created_at: float) -> bool:
    """Add a tag; False if its name is taken."""
    try:
        with tx.begin_nested():
            tx.execute(insert(tags), {"id": tag_id, "name": name, "created_at": created_at})
    except IntegrityError:
        return False
    return True


def rename_tag(tx: Connection, tag_id: str, name: str) -> bool:
    """Give a tag another name, or its own again; False if another tag has it."""
    try:
        with tx.begin_nested():
            tx.execute(update(tags).where(tags.c.id == tag_id).values(name=name))
    except IntegrityError:
        return False
    return True


def delete_tag(tx: Connection, tag_id: str) -> bool:
    """Remove a tag with its bindings; False if there is none."""
    return tx.execute(delete(tags).where(tags.c.id == tag_id)).rowcount == 1


def find_tag(conn: Connection, actor: Actor, tag_id: str) -> Tag | None:
    """Return a tag, or None."""
    row = conn.execute(_tag_of(actor).where(tags.c.id == tag_id)).first()
    return Tag(*row) if row else None


def is_bound_out_of_sight(conn: Connection, actor: Actor, tag_id: str) -> bool:
    """Tell whether the tag is on a dataset that the actor does not see."""
    visible = visible_to(actor)
    if not visible:
        return False
    bound = (
        select(tag_bindings.c.dataset_id)
        .join(tags, tags.c.number == tag_bindings.c.tag_number)
        .join(datasets, datasets.c.id == tag_bindings.c.dataset_id)
        .where(tags.c.id == tag_id, ~and_(*visible))
    )
    return conn.execute(bound.limit(1)).first() is not None


def list_tags(conn: Connection, actor: Actor, keyword: str | None) -> list[Tag]:
    """Return all tags whose name has the keyword in it, newest first."""
    conditions: list[ColumnElement[bool]] = []
    if keyword is not None:
        conditions.append(func.lower(tags.c.name).contains(keyword.lower(), autoescape=True))
    statement = _tag_of(actor).where(*conditions).order_by(tags.c.created_at.desc(), tags.c.number.desc())
    return [Tag(*row) for row in conn.execute(statement)]


def hold_tags(tx: Connection, tag_ids: Sequence[str]) -> list[int]:
    """Return the numbers of those of the tags that exist, and keep them until commit."""
    held = update(tags).where(tags.c.id.in_(tag_ids)).values(name=tags.c.name).returning(tags.c.number)
    return list(tx.execute(held).scalars())


def bind_tags(tx: Connection, dataset_id: str, numbers: Sequence[int]) -> None:
    """Put tags on a dataset; those it has already stay."""
    tx.execute(_BIND, {"dataset_id": dataset_id, "numbers": list(numbers)})


def unbind_tags(tx: Connection, dataset_id: str, tag_ids: Sequence[str]) -> None:
    """Take tags off a dataset; those it does not have are ignored."""
    unwanted = select(tags.c.number).where(tags.c.id.in_(tag_ids))
    tx.execute(
        delete(tag_bindings).where(tag_bindings.c.dataset_id == dataset_id, tag_bindings.c.tag_number.in_(unwanted))
    )


def _tag_of(actor: Actor) -> Select[Any, Any, int]:
    """Return the columns of `Tag`; only a key that does not see everything needs the datasets for the count."""
    count = select(func.count()).select_from(tag_bindings).where(tag_bindings.c.tag_number == tags.c.number)
    visible = visible_to(actor)
    if visible:
        count = count.join(datasets, datasets.c.id == tag_bindings.c.dataset_id).where(*visible)
    return select(tags.c.id, tags.c.name, count.correlate(tags).scalar_subquery())
