"""Rules of API keys and of the one workspace they open."""

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass
from uuid import uuid4

from zhiku.access import store
from zhiku.access.store import ApiKey, Workspace
from zhiku.errors import NotFound, Unavailable
from zhiku.runtime import Runtime

KEY_PREFIX = "dataset-"
KEY_RANDOM_CHARS = 32
LINK_SECRET_BYTES = 32
KEY_ALPHABET = string.ascii_letters + string.digits
OWNER_NAME = "admin"

# One id for every installation: two servers that start at once on one catalog make one row.
WORKSPACE_ID = "00000000-0000-4000-8000-000000000001"

SETTING_KEY_NAME = "ZHIKU_API_KEY"
FIRST_KEY_NAME = "first key"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a request: what `created_by` and `author_name` show, and the key that was used."""

    id: str
    name: str
    key_id: str


def find_actor(rt: Runtime, key: str) -> Actor | None:
    """Return whom a key belongs to, None if it is unknown or revoked. One read by the key's hash."""
    digest = hash_key(key)
    row = store.find_live_key(rt.db, digest)
    if row is None:
        return None
    key_id, key_hash, actor_id, actor_name = row
    return Actor(actor_id, actor_name, key_id) if hmac.compare_digest(key_hash, digest) else None


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hex; keys are random and long, so they need no salt."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def ensure_workspace(rt: Runtime) -> Workspace:
    """Return the workspace; the first call ever makes it, with its owner."""
    with rt.db.begin() as tx:
        found = store.find_workspace(tx)
        if found is not None:
            return found
        made = Workspace(
            id=WORKSPACE_ID,
            owner_id=str(uuid4()),
            owner_name=OWNER_NAME,
            is_sample_loaded=False,
            link_secret=secrets.token_hex(LINK_SECRET_BYTES),
            created_at=rt.clock.now(),
        )
        store.insert_workspace(tx, made)
        return store.find_workspace(tx) or made


def get_link_secret(rt: Runtime) -> bytes:
    """Return the secret that signs links to files; the same in every process of this Zhiku. Raises Unavailable."""
    with rt.db.read() as conn:
        found = store.find_workspace(conn)
    if found is None:
        raise Unavailable
    return bytes.fromhex(found.link_secret)


def mark_sample_loaded(rt: Runtime) -> None:
    """Remember that the sample was loaded once; later starts leave it alone, deleted or not."""
    with rt.db.begin() as tx:
        store.mark_sample_loaded(tx)


def is_ready(rt: Runtime) -> bool:
    """Return whether the catalog can be read and was set up. Raises Unavailable if it cannot be read."""
    with rt.db.read() as conn:
        return store.find_workspace(conn) is not None


def ensure_first_key(rt: Runtime) -> str | None:
    """Return a new key if none was ever made, to be shown once; otherwise None.

    With `settings.api_key` that key is made valid instead, and None comes back: the operator knows it. It takes
    the place of the key that the setting had at an earlier start.
    """
    if rt.settings.api_key is not None:
        _accept_setting(rt, rt.settings.api_key.get_secret_value())
        return None
    with rt.db.read() as conn:
        keys = store.list_keys(conn)
    return None if keys else create_key(rt, FIRST_KEY_NAME)[1]


def create_key(rt: Runtime, name: str) -> tuple[ApiKey, str]:
    """Return a new key's row and the key itself, which is shown now and never again."""
    key = KEY_PREFIX + "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_RANDOM_CHARS))
    return _add_key(rt, name, key), key


def list_keys(rt: Runtime) -> list[ApiKey]:
    """Return all keys, revoked ones too, oldest first."""
    with rt.db.read() as conn:
        return store.list_keys(conn)


def revoke_key(rt: Runtime, key_id: str) -> None:
    """Refuse a key from the next request on. Raises NotFound if no live key has this id."""
    with rt.db.begin() as tx:
        if not store.mark_revoked(tx, key_id, rt.clock.now()):
            raise NotFound("Key not found.")


def _accept_setting(rt: Runtime, key: str) -> None:
    digest = hash_key(key)
    with rt.db.read() as conn:
        known = next((row for row in store.list_keys(conn) if row.key_hash == digest), None)
    if known is None:
        with rt.db.begin() as tx:
            store.mark_name_revoked(tx, SETTING_KEY_NAME, rt.clock.now())
        _add_key(rt, SETTING_KEY_NAME, key)
    elif known.revoked_at is not None:
        with rt.db.begin() as tx:
            store.mark_live(tx, known.id)


def _add_key(rt: Runtime, name: str, key: str) -> ApiKey:
    owner = ensure_workspace(rt)
    row = ApiKey(
        id=str(uuid4()),
        name=name,
        key_hash=hash_key(key),
        actor_id=owner.owner_id,
        actor_name=owner.owner_name,
        created_at=rt.clock.now(),
        revoked_at=None,
    )
    with rt.db.begin() as tx:
        store.insert_key(tx, row)
    return row
