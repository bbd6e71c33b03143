"""SQL of what is searched: the texts to embed, their embeddings, and the postings made of them.

A hook is a text that a query can meet: a segment's own, its summary, or a child chunk's. Hooks of a segment that does
not answer are no postings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    false,
    func,
    select,
    text,
    true,
    tuple_,
    union_all,
)

from zhiku.db.tables import (
    CHILD_POSTINGS,
    SUMMARY_POSTINGS,
    child_chunks,
    datasets,
    documents,
    embeddings,
    index_switches,
    segment_summaries,
    segments,
)
from zhiku.indexes.store import (
    CHILD_NUMBER,
    IS_CHILD_OF,
    IS_SUMMARY_OF,
    SUMMARY_NUMBER,
    IndexBasis,
    PostingRow,
    list_postings,
)


@dataclass(frozen=True, slots=True)
class Unembedded:
    """A text that has no embedding yet, with its posting's number."""

    number: int
    content: str
    content_hash: str


@dataclass(frozen=True, slots=True)
class HookCounts:
    """How many postings there are, and their words."""

    postings: int
    terms: int

    def __sub__(self, other: "HookCounts") -> "HookCounts":
        return HookCounts(self.postings - other.postings, self.terms - other.terms)


_INSERT_EMBEDDING = text("""
    INSERT INTO embeddings (model_key, content_hash, vector)
    VALUES (:model_key, :content_hash, :vector)
    ON CONFLICT DO NOTHING
""")


def list_unembedded(
    conn: Connection, document_number: int, generation: int, model_key: str, limit: int
) -> list[Unembedded]:
    """Return the next texts of a document's staged content that have no embedding by this model, by number."""
    values = {"document": document_number, "generation": generation, "model_key": model_key, "size": limit}
    return [Unembedded(*row) for row in conn.execute(_UNEMBEDDED_STAGED, values)]


def list_unembedded_of(conn: Connection, numbers: Sequence[int], model_key: str, limit: int) -> list[Unembedded]:
    """Return the next texts of these segments that have no embedding by this model, by number."""
    values = {"numbers": numbers, "model_key": model_key, "size": limit}
    return [Unembedded(*row) for row in conn.execute(_UNEMBEDDED_OF, values)]


def list_unembedded_in(
    conn: Connection, dataset_id: str, basis: IndexBasis, after: int, limit: int
) -> list[Unembedded]:
    """Return the next texts that an index of this basis lacks the embeddings of, by number behind `after`.

    Asked of all that the dataset answers with or would if it were enabled; what is still being made has its own work.
    """
    values = {"dataset_id": dataset_id, "model_key": basis.model_key, "after": after, "size": limit}
    return [Unembedded(*row) for row in conn.execute(_UNEMBEDDED_IN[basis.has_own_hooks], values)]


def insert_embeddings(tx: Connection, model_key: str, vectors: dict[str, bytes]) -> None:
    """Keep vectors by content hash; those that another document has brought meanwhile stay as they are.

    They are written in one order always, so that no two writers wait for each other.
    """
    if vectors:
        tx.execute(
            _INSERT_EMBEDDING,
            [{"model_key": model_key, "content_hash": key, "vector": vectors[key]} for key in sorted(vectors)],
        )


def list_known_vectors(conn: Connection, model_key: str, hashes: Iterable[str]) -> dict[str, bytes]:
    """Return the vectors by this model that there are of the content hashes."""
    known = select(embeddings.c.content_hash, embeddings.c.vector).where(
        embeddings.c.model_key == model_key, embeddings.c.content_hash.in_(list(hashes))
    )
    return {row[0]: row[1] for row in conn.execute(known)}


def list_unused_embeddings(conn: Connection, limit: int) -> list[tuple[str, str]]:
    """Return model key and content hash of embeddings that no dataset of their model has the text of any more.

    Looks through all of them, a second for 100,000: not in a transaction that others wait for.
    """
    statement = select(embeddings.c.model_key, embeddings.c.content_hash).where(_IS_UNUSED).limit(limit)
    return [(model_key, content_hash) for model_key, content_hash in conn.execute(statement)]


def delete_unused_embeddings(tx: Connection, unused: Sequence[tuple[str, str]]) -> None:
    """Remove those of the embeddings that are unused still."""
    if unused:
        statement = delete(embeddings).where(
            embeddings.c.model_key == bindparam("unused_model"),
            embeddings.c.content_hash == bindparam("unused_hash"),
            _IS_UNUSED,
        )
        tx.execute(statement, [{"unused_model": row[0], "unused_hash": row[1]} for row in unused])


def list_staged_postings(
    conn: Connection, staged: Sequence[tuple[int, int]], basis: IndexBasis, after: int, limit: int
) -> list[PostingRow]:
    """Return what the index lacks of each (document number, generation), behind posting number `after`, by number.

    A generation's staged segments all wait for the index; older ones that are kept have their postings already.
    """
    return list_postings(conn, _is_staged(staged) & (segments.c.status == "indexing"), basis, after, limit)


def list_live_postings(
    conn: Connection, document_number: int, generation: int, basis: IndexBasis, after: int, limit: int
) -> list[PostingRow]:
    """Return the postings of a document's answering generation, behind posting number `after`, by number."""
    condition = and_(segments.c.document_number == document_number, segments.c.generation == generation, _ANSWERS)
    return list_postings(conn, condition, basis, after, limit)


def list_segment_postings(conn: Connection, numbers: Sequence[int], basis: IndexBasis) -> list[PostingRow]:
    """Return the postings that these segments should have now, by number."""
    is_live = select(documents.c.number).where(
        documents.c.number == segments.c.document_number, documents.c.live_generation == segments.c.generation
    )
    condition = and_(segments.c.number.in_(numbers), _ANSWERS, is_live.exists())
    return list_postings(conn, condition, basis, 0, None)


def list_hook_numbers(conn: Connection, numbers: Sequence[int]) -> list[int]:
    """Return the numbers of all postings that these segments have or could have, enabled or not."""
    children = select(CHILD_NUMBER).where(child_chunks.c.segment_number.in_(numbers))
    summaries = select(SUMMARY_NUMBER).where(segment_summaries.c.segment_number.in_(numbers))
    return [*numbers, *conn.execute(children).scalars(), *conn.execute(summaries).scalars()]


def list_outgoing_numbers(conn: Connection, document_number: int, generation: int) -> list[int]:
    """Return the posting numbers of older content that goes when this generation takes its place."""
    twin = segments.alias("twin")
    # Not correlated, so that it is looked through once and not for each segment: 1,000 replaced by 1,000 took seconds.
    kept = select(twin.c.keeps_number).where(
        twin.c.document_number == document_number, twin.c.generation == generation, twin.c.keeps_number.is_not(None)
    )
    return _list_numbers(
        conn,
        and_(
            segments.c.document_number == document_number,
            segments.c.generation != generation,
            ~segments.c.is_manual,
            segments.c.number.not_in(kept),
        ),
    )


def list_staged_numbers(conn: Connection, document_number: int, live_generation: int) -> list[int]:
    """Return the posting numbers of content that does not answer yet."""
    values = {"document": document_number, "live_generation": live_generation}
    return [number for statement in _STAGED_NUMBERS for number in conn.execute(statement, values).scalars()]


def count_segment_hooks(conn: Connection, numbers: Sequence[int]) -> HookCounts:
    """Return how many postings these segments have now, and their words."""
    return _count(conn, segments.c.number.in_(numbers) & _ANSWERS)


_ANSWERS = and_(segments.c.is_enabled, segments.c.status == "completed")

# Whether the segment's dataset is made of an embedding's model, or may become so: before its first document is done it
# is of none yet, and a switch says only at its end of which.
_HAS_MODEL = (
    select(datasets.c.id)
    .where(
        datasets.c.id == segments.c.dataset_id,
        datasets.c.indexing_technique == "high_quality",
        datasets.c.embedding_key.is_(None) | (datasets.c.embedding_key == embeddings.c.model_key),
    )
    .exists()
    | select(index_switches.c.id)
    .where(index_switches.c.dataset_id == segments.c.dataset_id, index_switches.c.technique == "high_quality")
    .exists()
)


_IS_UNUSED = and_(
    ~select(segments.c.number).where(segments.c.content_hash == embeddings.c.content_hash, _HAS_MODEL).exists(),
    ~select(child_chunks.c.number)
    .join(segments, IS_CHILD_OF)
    .where(child_chunks.c.content_hash == embeddings.c.content_hash, _HAS_MODEL)
    .exists(),
    ~select(segment_summaries.c.segment_number)
    .join(segments, IS_SUMMARY_OF)
    .where(segment_summaries.c.content_hash == embeddings.c.content_hash, _HAS_MODEL)
    .exists(),
)


def _is_staged(staged: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    return and_(
        tuple_(segments.c.document_number, segments.c.generation).in_(staged), segments.c.keeps_number.is_(None)
    )


def _list_numbers(conn: Connection, condition: ColumnElement[bool]) -> list[int]:
    return [number for statement in _numbers(condition) for number in conn.execute(statement).scalars()]


def _numbers(condition: ColumnElement[bool]) -> tuple[Select[int], Select[int], Select[int]]:
    return (
        select(segments.c.number).where(condition),
        select(CHILD_NUMBER).join(segments, IS_CHILD_OF).where(condition),
        select(SUMMARY_NUMBER).join(segments, IS_SUMMARY_OF).where(condition),
    )


def _unembedded(
    condition: ColumnElement[bool],
    own_hooks: ColumnElement[bool] = segments.c.is_hook,
    after: Any = 0,
) -> CompoundSelect[int, str, str]:
    def lacks(table: Any) -> ColumnElement[bool]:
        has_one = select(embeddings.c.model_key).where(
            embeddings.c.model_key == bindparam("model_key"), embeddings.c.content_hash == table.c.content_hash
        )
        return ~has_one.exists()

    own = select(segments.c.number.label("number"), segments.c.content, segments.c.content_hash).where(
        condition, own_hooks, lacks(segments), segments.c.number > after
    )
    children = (
        select(CHILD_NUMBER.label("number"), child_chunks.c.content, child_chunks.c.content_hash)
        .join(segments, IS_CHILD_OF)
        .where(condition, lacks(child_chunks), child_chunks.c.number > after - CHILD_POSTINGS)
    )
    summaries = (
        select(SUMMARY_NUMBER.label("number"), segment_summaries.c.content, segment_summaries.c.content_hash)
        .join(segments, IS_SUMMARY_OF)
        .where(condition, lacks(segment_summaries), segment_summaries.c.segment_number > after - SUMMARY_POSTINGS)
    )
    return union_all(own, children, summaries).order_by("number").limit(bindparam("size"))


# Made once: to build them took longer than to run them.
_UNEMBEDDED_STAGED = _unembedded(
    and_(
        segments.c.document_number == bindparam("document"),
        segments.c.generation == bindparam("generation"),
        segments.c.keeps_number.is_(None),
    ),
)
_UNEMBEDDED_OF = _unembedded(segments.c.number.in_(bindparam("numbers", expanding=True)))
_COULD_ANSWER = and_(
    segments.c.dataset_id == bindparam("dataset_id"),
    segments.c.status == "completed",
    select(documents.c.number)
    .where(documents.c.number == segments.c.document_number, documents.c.live_generation == segments.c.generation)
    .exists(),
)
_UNEMBEDDED_IN = {
    has_own: _unembedded(_COULD_ANSWER, own_hooks, bindparam("after", type_=BigInteger))
    for has_own, own_hooks in ((None, segments.c.is_hook), (True, true()), (False, false()))
}
_STAGED_NUMBERS = _numbers(
    and_(segments.c.document_number == bindparam("document"), segments.c.generation != bindparam("live_generation"))
)


def _count(conn: Connection, condition: ColumnElement[bool]) -> HookCounts:
    own = select(func.count(segments.c.number), func.coalesce(func.sum(segments.c.term_count), 0)).where(
        condition, segments.c.is_hook
    )
    children = (
        select(func.count(child_chunks.c.number), func.coalesce(func.sum(child_chunks.c.term_count), 0))
        .join(segments, IS_CHILD_OF)
        .where(condition)
    )
    summaries = (
        select(
            func.count(segment_summaries.c.segment_number), func.coalesce(func.sum(segment_summaries.c.term_count), 0)
        )
        .join(segments, IS_SUMMARY_OF)
        .where(condition)
    )
    counts = [conn.execute(statement).one() for statement in (own, children, summaries)]
    return HookCounts(sum(int(row[0]) for row in counts), sum(int(row[1]) for row in counts))
