"""Rules of the console's one password and of the sessions it opens (promise 21)."""

import hashlib
import secrets
import threading
from collections import OrderedDict

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from zhiku.access import session_store as store
from zhiku.access.session_store import ConsoleSession
from zhiku.clock import Clock
from zhiku.errors import InvalidParam
from zhiku.runtime import Runtime

SESSION_SECONDS = 7 * 24 * 3600.0
TOKEN_BYTES = 32
MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 200

# Without characters that are read for another; 16 of 32 are 80 bits.
PASSWORD_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
PASSWORD_GROUPS = 4

_hasher = PasswordHasher()
# Two requests of a first start must not each make a password.
_making = threading.Lock()


def ensure_password(rt: Runtime) -> str | None:
    """Return a new password if there is none yet, to be shown once; otherwise None.

    With `settings.console_password` that one is made valid instead, and None comes back: the operator knows it.
    """
    wanted = rt.settings.console_password
    with _making:
        with rt.db.read() as conn:
            kept = store.find_password_hash(conn)
        if wanted is not None:
            if kept is None or not _matches(kept, wanted.get_secret_value()):
                _keep_password(rt, wanted.get_secret_value())
            return None
        if kept is not None:
            return None
        made = "-".join("".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(4)) for _ in range(PASSWORD_GROUPS))
        _keep_password(rt, made)
        return made


def change_password(rt: Runtime, password: str) -> None:
    """Replace the password and end every session. Raises InvalidParam for one that is too short or too long."""
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise InvalidParam(f"password: must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
    _keep_password(rt, password)


def open_session(rt: Runtime, password: str) -> tuple[str, ConsoleSession] | None:
    """Return a new session with the cookie that belongs to it, None for a wrong password. Takes about 50 ms of CPU."""
    ensure_password(rt)
    with rt.db.read() as conn:
        kept = store.find_password_hash(conn)
    if kept is None or not _matches(kept, password[:MAX_PASSWORD_CHARS]):
        return None
    token, now = secrets.token_urlsafe(TOKEN_BYTES), rt.clock.now()
    session = ConsoleSession(_hash_token(token), secrets.token_urlsafe(TOKEN_BYTES), now, now + SESSION_SECONDS)
    with rt.db.begin() as tx:
        store.delete_expired_sessions(tx, now)
        store.insert_session(tx, session)
    return token, session


def find_session(rt: Runtime, token: str) -> ConsoleSession | None:
    """Return the session of a cookie, None if it is unknown or over."""
    with rt.db.read() as conn:
        return store.find_session(conn, _hash_token(token), rt.clock.now())


def close_session(rt: Runtime, session: ConsoleSession) -> None:
    """End a session."""
    with rt.db.begin() as tx:
        store.delete_session(tx, session.token_hash)


class Throttle:
    """Lets an address try a password a few times a minute, counted in this process."""

    MAX_ADDRESSES = 1000

    def __init__(self, clock: Clock, per_minute: int = 10) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._lock = threading.Lock()
        # Address → (start of its minute, tries in it), the one that tried last at the end.
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def admit(self, address: str) -> bool:
        """Count a try, and return whether it may be made."""
        now = self._clock.monotonic()
        with self._lock:
            began, count = self._tries.pop(address, (now, 0))
            if now - began >= 60:
                began, count = now, 0
            self._tries[address] = (began, count + 1)
            if len(self._tries) > self.MAX_ADDRESSES:
                self._tries.popitem(last=False)
            return count < self._per_minute

    def forget(self, address: str) -> None:
        """Forget an address's tries, because it knew the password."""
        with self._lock:
            self._tries.pop(address, None)


def _keep_password(rt: Runtime, password: str) -> None:
    kept = _hasher.hash(password)
    with rt.db.begin() as tx:
        store.set_password_hash(tx, kept)
        # Whoever knew the old one is signed out.
        store.delete_sessions(tx)


def _matches(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
