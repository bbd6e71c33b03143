"""How often segments answered: counted in memory, written together (contract 5.5)."""

import threading
from collections import Counter
from collections.abc import Iterable

import structlog
from sqlalchemy import bindparam, select, text

from zhiku.db.engine import Database
from zhiku.db.tables import documents, segments
from zhiku.errors import ZhikuError

WRITE_SECONDS = 0.2

log = structlog.get_logger(__name__)

_ADD_TO_SEGMENT = text("""
    UPDATE segments
    SET hit_count = hit_count + :hits
    WHERE number = :number
""")

_EXISTING = select(segments.c.number).where(segments.c.number.in_(bindparam("numbers", expanding=True)))
# Segments with their documents, without those that somebody else is changing on PostgreSQL: waiting for their rows
# while holding others could be waiting for ever.
_FREE = (
    select(segments.c.number, segments.c.document_number)
    .join(documents, documents.c.number == segments.c.document_number)
    .where(segments.c.number.in_(bindparam("numbers", expanding=True)))
    .with_for_update(key_share=True, skip_locked=True)
)
_ADD_TO_DOCUMENT = text("""
    UPDATE documents
    SET hit_count = hit_count + :hits
    WHERE number = :number
""")


class HitCounts:
    """Counts returned segments and writes the counts within 200 ms, so that no query waits for a write.

    A killed process loses at most the last 200 ms of counts, and nothing else.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: Counter[int] = Counter()
        self._on_the_way: Counter[int] = Counter()
        self._has_some = threading.Event()
        self._counting = threading.Lock()
        # Held while counts are on their way, so that whoever flushes next finds them written.
        self._writing = threading.Lock()

    def add(self, numbers: Iterable[int]) -> None:
        """Count one answer for each of these segments."""
        with self._counting:
            self._waiting.update(numbers)
            if self._waiting:
                self._has_some.set()

    def count_waiting(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return the answers of these segments that their rows do not tell yet; segments without any are left out."""
        with self._counting:
            counts = {number: self._waiting[number] + self._on_the_way[number] for number in numbers}
        return {number: count for number, count in counts.items() if count}

    def flush(self) -> None:
        """Write what waits, but for segments that are being changed; called before counts are read.

        Raises StorageFull and Unavailable; the counts are kept.
        """
        with self._writing:
            with self._counting:
                taken, self._waiting = self._waiting, Counter()
                self._on_the_way = taken
                self._has_some.clear()
            if not taken:
                return
            try:
                self.add(self._write(taken))
            except ZhikuError:
                self.add(taken.elements())
                raise
            finally:
                with self._counting:
                    self._on_the_way = Counter()

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

    def _write(self, counts: Counter[int]) -> list[int]:
        """Write counts and return what must wait; those of a segment that has gone count nowhere."""
        with self._db.begin() as tx:
            document_of: dict[int, int] = {row[0]: row[1] for row in tx.execute(_FREE, {"numbers": list(counts)})}
            written = Counter({number: counts[number] for number in document_of})
            of_documents: Counter[int] = Counter()
            for number, hits in written.items():
                of_documents[document_of[number]] += hits
            if written:
                tx.execute(_ADD_TO_SEGMENT, _rows(written))
                tx.execute(_ADD_TO_DOCUMENT, _rows(of_documents))
            left = counts.keys() - written.keys()
            busy = tx.execute(_EXISTING, {"numbers": list(left)}).scalars().all() if left else ()
        return list(Counter({number: counts[number] for number in busy}).elements())


def _rows(counts: Counter[int]) -> list[dict[str, int]]:
    return [{"number": number, "hits": hits} for number, hits in sorted(counts.items())]
