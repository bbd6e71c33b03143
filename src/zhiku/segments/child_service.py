"""Rules of child chunks: hooks that a person adds to a segment, or changes (contract 3.5)."""

from zhiku.access.service import Actor
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents.store import Document
from zhiku.errors import InvalidParam, ModelCallFailed, NotFound
from zhiku.http.paging import Page
from zhiku.indexes import outbox
from zhiku.indexes.store import posting_number_of_child
from zhiku.runtime import Runtime
from zhiku.segments import child_store
from zhiku.segments.child_store import ChildChunk
from zhiku.segments.make import make_children
from zhiku.segments.publish import Embedded, commit_edit, embed_now, keep_vectors
from zhiku.segments.schemas import ListChildren
from zhiku.segments.service import find_held, making_of, recounted
from zhiku.segments.store import Segment

# Columns that follow a child chunk's text.
_TEXT_COLUMNS = (
    "content",
    "word_count",
    "tokens",
    "index_node_hash",
    "type",
    "terms",
    "term_count",
    "keyword_hashes",
    "content_hash",
)


def list_children(rt: Runtime, segment: Segment, query: ListChildren, page: Page) -> tuple[list[ChildChunk], int]:
    """Return a page of a segment's child chunks by position, and how many match."""
    conditions = child_store.matching(segment.number, query.keyword)
    with rt.db.read() as conn:
        total = child_store.count_children(conn, conditions)
        return child_store.list_children(conn, conditions, page.offset, page.limit), total


def get_child(rt: Runtime, segment: Segment, child_id: str) -> ChildChunk:
    """Return a child chunk of the segment. Raises NotFound."""
    with rt.db.read() as conn:
        found = child_store.find_child(conn, segment.number, child_id)
    if found is None:
        raise NotFound("Child chunk not found.")
    return found


def create_child(
    rt: Runtime, actor: Actor, dataset: Dataset, document: Document, segment: Segment, content: str
) -> ChildChunk:
    """Append a child chunk to a segment and return it. Raises NotFound, InvalidParam with the index's message."""
    made = make_children(making_of(rt, actor, dataset, document), [content], 0, "customized")[0]
    embedded = _embed(rt, dataset, {made.content_hash: content})

    def write(tx: Connection) -> outbox.Change:
        parent = find_held(tx, dataset, document, segment.id)
        position = child_store.last_position(tx, parent.number) + 1
        with recounted(tx, dataset, [parent.number]):
            child_store.insert_children(tx, [(parent.number, child_store.moved(made, position))])
        keep_vectors(tx, dataset, embedded)
        return outbox.PutSegments(numbers=[parent.number])

    commit_edit(rt, dataset.id, write)
    return get_child(rt, segment, made.id)


def update_child(
    rt: Runtime, actor: Actor, dataset: Dataset, document: Document, child: tuple[Segment, ChildChunk], content: str
) -> ChildChunk:
    """Change a child chunk's text, which makes it customized, and return it. Raises NotFound, InvalidParam."""
    segment, present = child
    making = making_of(rt, actor, dataset, document)
    made = make_children(making, [content], 0, "customized")[0]
    embedded = _embed(rt, dataset, {made.content_hash: content})

    def write(tx: Connection) -> outbox.Change:
        parent = find_held(tx, dataset, document, segment.id)
        values = {name: getattr(made, name) for name in _TEXT_COLUMNS}
        with recounted(tx, dataset, [parent.number]):
            child_store.update_child(tx, present.number, {**values, "updated_at": making.now})
        keep_vectors(tx, dataset, embedded)
        return outbox.PutSegments(numbers=[parent.number])

    commit_edit(rt, dataset.id, write)
    return get_child(rt, segment, present.id)


def delete_child(rt: Runtime, dataset: Dataset, document: Document, segment: Segment, child: ChildChunk) -> None:
    """Delete a child chunk. Raises NotFound."""

    def write(tx: Connection) -> outbox.Change:
        parent = find_held(tx, dataset, document, segment.id)
        with recounted(tx, dataset, [parent.number]):
            if not child_store.delete_child(tx, child.number):
                raise NotFound("Child chunk not found.")
        return outbox.DeletePostings(numbers=[posting_number_of_child(child.number)])

    commit_edit(rt, dataset.id, write)


def _embed(rt: Runtime, dataset: Dataset, texts: dict[str, str]) -> Embedded:
    """Return the vector of a child chunk, which has no state of its own to wait in. Raises InvalidParam."""
    try:
        embedded = embed_now(rt, dataset, texts)
    except ModelCallFailed as error:
        raise InvalidParam(str(error)) from error
    if embedded.is_late:
        raise InvalidParam("The embedding model took too long. Nothing was changed; try again.")
    return embedded
