"""Rules of tags: names are unique in the workspace, and a dataset has each tag once."""

from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.permission import find_seen_dataset
from zhiku.errors import Forbidden, InvalidParam, NotFound
from zhiku.runtime import Runtime
from zhiku.tags import store
from zhiku.tags.schemas import BindTags, CreateTag, RenameTag
from zhiku.tags.store import Tag

NAME_TAKEN = "Tag name already exists"
NO_TAG = "Tag not found"
# Of a tag's target the contract says it without a full stop.
NO_DATASET = "Dataset not found"


def create_tag(rt: Runtime, request: CreateTag) -> Tag:
    """Create a tag and return it. Raises InvalidParam if its name is taken."""
    tag = Tag(id=str(uuid4()), name=request.name, binding_count=0)
    with rt.db.begin() as tx:
        if not store.insert_tag(tx, tag.id, tag.name, rt.clock.now()):
            raise InvalidParam(NAME_TAKEN, params="name")
    return tag


def list_tags(rt: Runtime, actor: Actor, keyword: str | None) -> list[Tag]:
    """Return the workspace's tags, newest first."""
    with rt.db.read() as conn:
        return store.list_tags(conn, actor, keyword)


def rename_tag(rt: Runtime, actor: Actor, request: RenameTag) -> Tag:
    """Give a tag another name and return it.

    Raises NotFound, Forbidden if it is on a dataset that the actor does not see, InvalidParam if the name is taken.
    """
    with rt.db.begin() as tx:
        tag_id = request.tag_id.lower()
        if store.find_tag(tx, actor, tag_id) is None:
            raise NotFound(NO_TAG)
        if store.is_bound_out_of_sight(tx, actor, tag_id):
            raise Forbidden
        if not store.rename_tag(tx, tag_id, request.name):
            raise InvalidParam(NAME_TAKEN, params="name")
        renamed = store.find_tag(tx, actor, tag_id)
    if renamed is None:
        raise NotFound(NO_TAG)
    return renamed


def delete_tag(rt: Runtime, actor: Actor, tag_id: str) -> None:
    """Delete a tag and take it off every dataset.

    Raises NotFound, and Forbidden if it is on a dataset that the actor does not see.
    """
    with rt.db.begin() as tx:
        if store.is_bound_out_of_sight(tx, actor, tag_id.lower()):
            raise Forbidden
        if not store.delete_tag(tx, tag_id.lower()):
            raise NotFound(NO_TAG)


def bind_tags(rt: Runtime, actor: Actor, request: BindTags) -> None:
    """Put tags on a dataset that the actor sees; unknown tags and those it has already are ignored.

    Raises InvalidParam, NotFound, and Forbidden for a dataset that is hidden from the actor.
    """
    tag_ids = _tag_ids(request)
    with rt.db.begin() as tx:
        if find_seen_dataset(tx, actor, request.target_id.lower()) is None:
            raise NotFound(NO_DATASET)
        if not dataset_store.hold_dataset(tx, request.target_id.lower()):
            raise NotFound(NO_DATASET)
        store.bind_tags(tx, request.target_id.lower(), store.hold_tags(tx, tag_ids))


def unbind_tags(rt: Runtime, actor: Actor, request: BindTags) -> None:
    """Take tags off a dataset that the actor sees; those it does not have are ignored. Raises like `bind_tags`."""
    tag_ids = _tag_ids(request)
    with rt.db.begin() as tx:
        if find_seen_dataset(tx, actor, request.target_id.lower()) is None:
            raise NotFound(NO_DATASET)
        store.unbind_tags(tx, request.target_id.lower(), tag_ids)


def _tag_ids(request: BindTags) -> list[str]:
    tag_ids = request.wanted()
    if not tag_ids:
        raise InvalidParam("Tag IDs is required.", params="tag_ids")
    return tag_ids
