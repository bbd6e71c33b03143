"""How often segments answered: counted in memory, written together (contract 5.5)."""

import threading
from collections import Counter
from collections.abc import Iterable

import structlog
from sqlalchemy import bindparam, text

from zhiku.db.engine import Database
from zhiku.errors import ZhikuError

WRITE_SECONDS = 0.2

log = structlog.get_logger(__name__)

_ADD_TO_SEGMENT = text("""
    UPDATE segments
    SET hit_count = hit_count + :hits
    WHERE number = :number
""")

# Which document has each segment that is still there: hits of one that has gone count nowhere.
_DOCUMENTS = text("""
    SELECT number, document_number
    FROM segments
    WHERE number IN :numbers
""").bindparams(bindparam("numbers", expanding=True))

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
        self._has_some.set()

    def count_waiting(self, numbers: Iterable[int]) -> dict[int, int]:
        """Return the answers of these segments that their rows do not tell yet; segments without any are left out."""
        with self._counting:
            counts = {number: self._waiting[number] + self._on_the_way[number] for number in numbers}
        return {number: count for number, count in counts.items() if count}

    def flush(self) -> None:
        """Write what waits; called before counts are read. Raises StorageFull and Unavailable; the counts are kept."""
        with self._writing:
            with self._counting:
                taken, self._waiting = self._waiting, Counter()
                self._on_the_way = taken
                self._has_some.clear()
            if not taken:
                return
            try:
                self._write(taken)
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

    def _write(self, counts: Counter[int]) -> None:
        of_documents: Counter[int] = Counter()
        with self._db.begin() as tx:
            tx.execute(_ADD_TO_SEGMENT, _rows(counts))
            for segment, document in tx.execute(_DOCUMENTS, {"numbers": sorted(counts)}):
                of_documents[document] += counts[segment]
            if of_documents:
                tx.execute(_ADD_TO_DOCUMENT, _rows(of_documents))


def _rows(counts: Counter[int]) -> list[dict[str, int]]:
    return [{"number": number, "hits": hits} for number, hits in sorted(counts.items())]
