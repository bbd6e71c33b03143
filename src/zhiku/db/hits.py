"""How often segments answered: counted in memory, written together (contract 5.5)."""

import threading
from collections.abc import Iterator, Sequence
from itertools import chain, islice

import structlog
from sqlalchemy import bindparam, select, text

from zhiku.db.engine import Database
from zhiku.db.tables import documents, segments
from zhiku.errors import ZhikuError

WRITE_SECONDS = 0.2

log = structlog.get_logger(__name__)

ROWS = 256
"""How many rows one statement takes; fewer are filled up with one that no segment has, so its text never changes."""

NO_ROW = (-1, 0)

_NAMES = [(f"number_{row}", f"hits_{row}") for row in range(ROWS)]
_ANSWERED = f"answered (number, hits) AS (VALUES {', '.join(f'(:{number}, :{hits})' for number, hits in _NAMES)})"

_IS_ANSWERED = segments.c.number.in_([bindparam(number) for number, _ in _NAMES])
# Segments with their documents, without those that somebody else is changing on PostgreSQL: waiting for their rows
# while holding others could be waiting for ever.
_FREE = (
    select(segments.c.number, segments.c.document_number)
    .join(documents, documents.c.number == segments.c.document_number)
    .where(_IS_ANSWERED)
    .with_for_update(key_share=True, skip_locked=True)
)
_EXISTING = select(segments.c.number).where(_IS_ANSWERED)
# Many rows in one statement: the driver lets go of the interpreter for each, and a busy server gives it back late.
# SQLite takes ON CONFLICT behind a SELECT only if that has a WHERE.
_ADD_TO_SEGMENTS = text(f"""
    WITH {_ANSWERED}
    INSERT INTO segment_hits (segment_number, hit_count)
    SELECT answered.number, answered.hits FROM answered WHERE answered.hits > 0
    ON CONFLICT (segment_number) DO UPDATE SET hit_count = segment_hits.hit_count + excluded.hit_count
""")
_ADD_TO_DOCUMENTS = text(f"""
    WITH {_ANSWERED}
    UPDATE documents SET hit_count = documents.hit_count + answered.hits
    FROM answered
    WHERE documents.number = answered.number
""")


class HitCounts:
    """Counts returned segments and writes the counts within 200 ms, so that no query waits for a write.

    A killed process loses at most the last 200 ms of counts, and nothing else.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[int, int] = {}
        self._on_the_way: dict[int, int] = {}
        self._has_some = threading.Event()
        self._counting = threading.Lock()
        # Held while counts are on their way, so that whoever flushes next finds them written.
        self._writing = threading.Lock()

    def count(self, numbers: Sequence[int]) -> list[int]:
        """Count one answer for each segment; return how many before it the catalog does not tell yet, in that order."""
        with self._counting:
            waiting, on_the_way = self._waiting, self._on_the_way
            before = [waiting.get(number, 0) for number in numbers]
            for number in numbers:
                waiting[number] = waiting.get(number, 0) + 1
            if on_the_way:
                before = [count + on_the_way.get(number, 0) for number, count in zip(numbers, before, strict=True)]
        self._has_some.set()
        return before

    def flush(self) -> None:
        """Write what waits, but for segments that are being changed; called before counts are read.

        Raises StorageFull and Unavailable; the counts are kept.
        """
        with self._writing:
            with self._counting:
                taken, self._waiting = self._waiting, {}
                self._on_the_way = taken
                self._has_some.clear()
            if not taken:
                return
            left = taken
            try:
                left = self._write(taken)
            finally:
                self._put_back(left)

    def run(self, stop: threading.Event) -> None:
        """Write every 200 ms while there is something, until `stop` is set."""
        while not stop.is_set():
            if not self._has_some.wait(WRITE_SECONDS):
                continue
            stop.wait(WRITE_SECONDS)
            try:
                self.flush()
            except ZhikuError as error:
                log.warning("hit counts not written", error=str(error))
                stop.wait(1.0)

    def _put_back(self, left: dict[int, int]) -> None:
        with self._counting:
            for number, count in left.items():
                self._waiting[number] = self._waiting.get(number, 0) + count
            self._on_the_way = {}
            if self._waiting:
                self._has_some.set()

    def _write(self, counts: dict[int, int]) -> dict[int, int]:
        """Write counts and return those that must wait; those of a segment that has gone count nowhere."""
        written: dict[int, int] = {}
        of_documents: dict[int, int] = {}
        with self._db.begin() as tx:
            for batch in _batches(counts):
                document_of: dict[int, int] = {row[0]: row[1] for row in tx.execute(_FREE, _values(batch)).all()}
                free = {number: counts[number] for number in document_of}
                for number, hits in free.items():
                    of_documents[document_of[number]] = of_documents.get(document_of[number], 0) + hits
                if free:
                    tx.execute(_ADD_TO_SEGMENTS, _values(free))
                written |= free
            for batch in _batches(of_documents):
                tx.execute(_ADD_TO_DOCUMENTS, _values(batch))
            others = {number: hits for number, hits in counts.items() if number not in written}
            busy = [row[0] for batch in _batches(others) for row in tx.execute(_EXISTING, _values(batch)).all()]
        return {number: counts[number] for number in busy}


def _batches(counts: dict[int, int]) -> Iterator[dict[int, int]]:
    rows = iter(sorted(counts.items()))
    while batch := dict(islice(rows, ROWS)):
        yield batch


def _values(counts: dict[int, int]) -> dict[str, int]:
    padded = [*counts.items(), *[NO_ROW] * (ROWS - len(counts))]
    return dict(zip(chain.from_iterable(_NAMES), chain.from_iterable(padded), strict=True))
