"""When each key was used last: noted in memory, written together."""

import threading

import structlog
from sqlalchemy import text

from zhiku.db.engine import Database
from zhiku.errors import ZhikuError

log = structlog.get_logger(__name__)

# Another server may have seen the key later than this one.
_SET_LAST_USED = text("""
    UPDATE api_keys
    SET last_used_at = :used_at
    WHERE id = :key_id
      AND (last_used_at IS NULL OR last_used_at < :used_at)
""")


class KeyUses:
    """Notes uses of keys and writes them when told to, so that no request waits for a write.

    A killed process loses what it noted since the last flush, and nothing else.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, key_id: str, used_at: float) -> None:
        """Remember that a key was used at `used_at`, epoch seconds."""
        with self._lock:
            self._waiting[key_id] = used_at

    def flush(self) -> None:
        """Write what waits; called now and then, and before keys are shown. What cannot be written now waits on."""
        with self._lock:
            taken, self._waiting = self._waiting, {}
        if not taken:
            return
        try:
            with self._db.begin() as tx:
                tx.execute(_SET_LAST_USED, [{"key_id": key, "used_at": at} for key, at in sorted(taken.items())])
        except ZhikuError as error:
            log.warning("uses of keys not written", error=str(error))
            with self._lock:
                self._waiting = taken | self._waiting
