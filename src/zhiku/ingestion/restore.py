"""A version → segments to be written, and at the end the switches and keywords that they had.

What answers now and has the same texts stays: its rows, and with them ids and hits, take their old places again.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Connection
from zhiku.documents import version_store
from zhiku.documents.store import Document
from zhiku.documents.version_content import PART_SEGMENTS, VersionSegment
from zhiku.errors import DocumentUnreadable
from zhiku.indexes import outbox
from zhiku.ingestion.prepare import Staged
from zhiku.runtime import Runtime
from zhiku.segments import version_store as segment_store
from zhiku.segments.child_store import NewChild
from zhiku.segments.make import Making, Piece, make_children, make_segments
from zhiku.segments.place import decode_place
from zhiku.segments.store import NewSegment
from zhiku.segments.version_store import LiveSegment, SegmentState

NO_KEYWORDS = "[]"


class RestoredContent:
    """The segments of the version that a document is to have again, part by part."""

    def __init__(self, rt: Runtime, document: Document) -> None:
        """Look for the version and for what answers now. Raises DocumentUnreadable if the version is gone."""
        self._rt = rt
        with rt.db.read() as conn:
            found = version_store.find_version(conn, document.number, document.restores_version or 0)
            live = segment_store.list_live(conn, document.number, document.live_generation)
        if found is None:
            raise DocumentUnreadable("The version is no longer kept. Restore another one, or update the document.")
        self._version = found.version
        self._kept = _KeptSegments(live)
        # Whoever edits a segment from now on has seen the request to restore: it is not overwritten.
        self._asked_at = document.updated_at

    @property
    def count(self) -> int:
        """Return how many segments there are."""
        return self._version.segment_count

    @property
    def word_count(self) -> int:
        """Return the characters of all segments."""
        return self._version.word_count

    def stage(self, making: Making, start: int, limit: int) -> list[Staged]:
        """Return up to `limit` segments behind the first `start`, as they were."""
        with self._rt.db.read() as conn:
            segments = version_store.list_segments(conn, self._version, start, limit)
            taken = segment_store.list_taken_ids(
                conn,
                making.document.number,
                making.document.live_generation,
                [each.id for each in segments],
                [child.id for each in segments for child in each.children],
            )
        made = make_segments(making, [_piece(each) for each in segments], start)
        return [
            self._kept.take(_restored(making, each, new, taken), taken, self._asked_at)
            for each, new in zip(segments, made, strict=True)
        ]


def release_live(tx: Connection, document: Document) -> set[int]:
    """Let all that answers now go but what the restored content keeps; return which places of that were changed since.

    Call it before the restored content takes its place.
    """
    changed = segment_store.list_changed_since(tx, document.number, document.generation)
    segment_store.release_manual(tx, document.number, document.live_generation)
    return changed


def restore_states(rt: Runtime, tx: Connection, document: Document, changed: set[int]) -> None:
    """Give the segments that have just come back their switches and keywords, but for those at `changed` places.

    The index is told of what it has to take or to leave.
    """
    found = version_store.find_version(tx, document.number, document.restores_version or 0)
    dataset = dataset_store.find_dataset(tx, document.dataset_id)
    if found is None or dataset is None:
        return
    shows_extracted = dataset.indexing_technique == "economy"
    numbers: list[int] = []
    for start in range(0, found.version.segment_count, PART_SEGMENTS):
        then = version_store.list_segments(tx, found.version, start, PART_SEGMENTS)
        unchanged = [each for each in then if each.position not in changed]
        numbers += _restore_part(tx, document, unchanged, shows_extracted=shows_extracted)
    if numbers:
        outbox.append(tx, rt.clock, document.dataset_id, outbox.PutSegments(numbers=numbers))


def _restore_part(
    tx: Connection, document: Document, segments: Sequence[VersionSegment], *, shows_extracted: bool
) -> list[int]:
    """Return the numbers of those of the segments whose postings are others than before."""
    if not segments:
        return []
    then = {each.position: each for each in segments}
    states = segment_store.list_states(tx, document.number, document.generation, list(then))
    now = [state for state in states if state.position in then]
    restored = {state.number: _state(state, then[state.position], shows_extracted=shows_extracted) for state in now}
    segment_store.set_states(tx, list(restored.values()))
    return [
        state.number
        for state in now
        if (state.is_enabled, state.keyword_hashes)
        != (restored[state.number].is_enabled, restored[state.number].keyword_hashes)
    ]


def _state(now: SegmentState, then: VersionSegment, *, shows_extracted: bool) -> SegmentState:
    keeps_keywords = shows_extracted and then.keywords_json == NO_KEYWORDS
    return SegmentState(
        number=now.number,
        position=now.position,
        is_manual=then.is_manual,
        is_enabled=then.is_enabled,
        disabled_at=then.disabled_at,
        disabled_by=then.disabled_by,
        keywords_json=now.keywords_json if keeps_keywords else then.keywords_json,
        keyword_hashes=now.keyword_hashes if keeps_keywords else then.keyword_hashes,
    )


class _KeptSegments:
    """Finds for each segment that comes back the one that answers now and can stay in its place, each once."""

    def __init__(self, live: Sequence[LiveSegment]) -> None:
        self._live: defaultdict[tuple[object, ...], dict[str, LiveSegment]] = defaultdict(dict)
        for segment in live:
            self._live[segment.content_hash, segment.answer, segment.children][segment.id] = segment

    def take(self, staged: Staged, taken: set[str], asked_at: float) -> Staged:
        """Return what to write: `staged` itself, or its twin that names the segment it keeps, if possible its own.

        An id that is `taken` is replaced.
        """
        segment = staged.segment
        children = tuple((child.type, child.content_hash) for child in staged.children)
        equal = self._live.get((segment.content_hash, segment.answer, children))
        if equal:
            kept = equal.pop(segment.id if segment.id in equal else next(iter(equal)))
            twin = replace(segment, id=str(uuid4()), keeps_number=kept.number, created_at=asked_at)
            return Staged(twin, [])
        if segment.id in taken:
            return replace(staged, segment=replace(segment, id=str(uuid4())))
        return staged


def _piece(then: VersionSegment) -> Piece:
    return Piece(then.content, then.answer, place=decode_place(then.place_json) if then.place_json else None)


def _restored(making: Making, then: VersionSegment, new: NewSegment, taken: set[str]) -> Staged:
    """Return a segment as it was, with ids of its child chunks that nothing else has."""
    segment = replace(
        new,
        id=then.id,
        position=then.position,
        index_node_id=then.index_node_id,
        created_by=then.created_by,
        created_at=then.created_at,
        place_json=then.place_json,
    )
    if then.keywords_json != NO_KEYWORDS or not making.is_economy:
        segment = replace(segment, keywords_json=then.keywords_json, keyword_hashes=then.keyword_hashes)
    return Staged(segment, _restored_children(making, then, taken), then.summary)


def _restored_children(making: Making, then: VersionSegment, taken: set[str]) -> list[NewChild]:
    made = make_children(making, [child.content for child in then.children], 0, "automatic")
    return [
        replace(
            new,
            id=str(uuid4()) if child.id in taken else child.id,
            position=child.position,
            type=child.type,
            index_node_id=child.index_node_id,
            created_by=child.created_by,
            created_at=child.created_at,
        )
        for child, new in zip(then.children, made, strict=True)
    ]
