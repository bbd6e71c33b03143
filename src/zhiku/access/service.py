"""Rules of API keys and of the one workspace they open."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from zhiku.access import store
from zhiku.access.actor import Actor, Role
from zhiku.access.store import ApiKey, Workspace
from zhiku.db.engine import Connection
from zhiku.errors import InvalidAction, InvalidParam, NotFound, Unavailable
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
NO_KEY = "Key not found."

State = Literal["active", "expired", "revoked", "disabled"]


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What a key may do and see, and for how long; without any value given, everything for ever.

    `dataset_ids` None means all datasets, those that come later too; `rate_limit_per_minute` None the limit in the
    settings and 0 none.
    """

    role: Role = "admin"
    dataset_ids: Sequence[str] | None = None
    expires_at: float | None = None
    rate_limit_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whose key it is: the owner's, or a plain member's, from whom a dataset's permission may hide it.

    Without an id a member is a new one, and without a name is called as the key; both of the owner are the workspace's.
    """

    is_member: bool = False
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key with the datasets it sees, None for all, and its state: active, expired, revoked or disabled.

    A key is disabled when the last of its datasets was deleted.
    """

    key: ApiKey
    dataset_ids: Sequence[str] | None
    state: State


OWNER = KeyHolder()
EVERYTHING = KeyRights()


def find_actor(rt: Runtime, key: str) -> Actor | None:
    """Return whom a key belongs to, None if it opens nothing: unknown, revoked, expired, or its datasets are gone.

    One read by the key's hash: what its comparison takes tells something of the hash and nothing of the key.
    """
    row = store.find_live_key(rt.db, hash_key(key))
    if row is None:
        return None
    key_id, actor_id, actor_name, role, is_member, is_scoped, rate_limit, expires_at = row
    now = rt.clock.now()
    if expires_at is not None and expires_at <= now:
        return None
    rt.key_uses.note(key_id, now)
    return Actor(actor_id, actor_name, key_id, role, is_member, is_scoped, rate_limit)


def hash_key(key: str) -> str:
    """Return the SHA-256 of a key in hex; keys are random and long, so they need no salt."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def ensure_workspace(rt: Runtime) -> Workspace:
    """Return the workspace; the first call ever makes it, with its owner."""
    # A page of the console asks for it each time, and must not wait for whoever is writing.
    with rt.db.read() as conn:
        found = store.find_workspace(conn)
    if found is not None:
        return found
    with rt.db.begin() as tx:
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
    the place of the key that the setting had at an earlier start, and always has all rights.
    """
    if rt.settings.api_key is not None:
        _accept_setting(rt, rt.settings.api_key.get_secret_value())
        return None
    with rt.db.read() as conn:
        has_keys = store.count_keys(conn) > 0
    return None if has_keys else create_key(rt, FIRST_KEY_NAME)[1]


def create_key(
    rt: Runtime, name: str, rights: KeyRights = EVERYTHING, holder: KeyHolder = OWNER
) -> tuple[KeyView, str]:
    """Return a new key's row and the key itself, which is shown now and never again.

    Raises InvalidParam for a dataset that does not exist, an empty list of them, and an expiry that is past.
    """
    key = KEY_PREFIX + "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_RANDOM_CHARS))
    return _add_key(rt, _new_row(rt, name, key, rights, holder), rights.dataset_ids), key


def list_keys(rt: Runtime, offset: int = 0, limit: int = 1000) -> tuple[list[KeyView], int]:
    """Return a page of keys, revoked ones too, newest first, and how many there are."""
    rt.key_uses.flush()
    with rt.db.read() as conn:
        return _viewed(rt, conn, store.list_keys(conn, offset, limit)), store.count_keys(conn)


def get_key(rt: Runtime, key_id: str) -> KeyView:
    """Return a key, a revoked one too. Raises NotFound."""
    rt.key_uses.flush()
    with rt.db.read() as conn:
        return _get_view(rt, conn, key_id)


def update_key(rt: Runtime, key_id: str, changes: dict[str, Any]) -> KeyView:
    """Change what the names in `changes` stand for, and return the key as it is then.

    The names are `name`, `actor_name` and those of KeyRights, and their values mean the same as there. Raises NotFound,
    InvalidAction for a revoked key, and InvalidParam like `create_key`.
    """
    values = dict(changes)
    is_scope_given = "dataset_ids" in values
    dataset_ids: Sequence[str] | None = values.pop("dataset_ids", None)
    _check_expiry(rt, values.get("expires_at"))
    with rt.db.begin() as tx:
        found = store.find_key(tx, key_id)
        if found is None:
            raise NotFound(NO_KEY)
        if found.revoked_at is not None:
            raise InvalidAction("A revoked key cannot be changed. Create another one.")
        if is_scope_given:
            values["is_scoped"] = dataset_ids is not None
            _set_scope(tx, key_id, dataset_ids)
        if values:
            store.update_key(tx, key_id, values)
        return _get_view(rt, tx, key_id)


def revoke_key(rt: Runtime, key_id: str) -> None:
    """Refuse a key from the next request on. Raises NotFound if no live key has this id."""
    with rt.db.begin() as tx:
        if not store.mark_revoked(tx, key_id, rt.clock.now()):
            raise NotFound(NO_KEY)


def widen_scope(tx: Connection, actor: Actor, dataset_id: str) -> None:
    """Let a scoped key see the dataset that it has just made; another key sees it anyway."""
    if actor.is_scoped:
        store.insert_scope(tx, actor.key_id, [dataset_id])


def _accept_setting(rt: Runtime, key: str) -> None:
    with rt.db.read() as conn:
        known = store.find_key_by_hash(conn, hash_key(key))
    if known is None:
        with rt.db.begin() as tx:
            store.mark_name_revoked(tx, SETTING_KEY_NAME, rt.clock.now())
        _add_key(rt, _new_row(rt, SETTING_KEY_NAME, key, EVERYTHING, OWNER), None)
        return
    full = {"revoked_at": None, "expires_at": None, "role": "admin", "is_member": False, "is_scoped": False}
    if any(getattr(known, name) != value for name, value in full.items()):
        with rt.db.begin() as tx:
            store.update_key(tx, known.id, full)
            store.delete_scope(tx, known.id)


def _new_row(rt: Runtime, name: str, key: str, rights: KeyRights, holder: KeyHolder) -> ApiKey:
    owner = ensure_workspace(rt)
    return ApiKey(
        id=str(uuid4()),
        name=name,
        key_hash=hash_key(key),
        actor_id=holder.id or (str(uuid4()) if holder.is_member else owner.owner_id),
        actor_name=holder.name or (name if holder.is_member else owner.owner_name),
        role=rights.role,
        is_member=holder.is_member,
        is_scoped=rights.dataset_ids is not None,
        rate_limit_per_minute=rights.rate_limit_per_minute,
        created_at=rt.clock.now(),
        expires_at=rights.expires_at,
        last_used_at=None,
        revoked_at=None,
    )


def _add_key(rt: Runtime, row: ApiKey, dataset_ids: Sequence[str] | None) -> KeyView:
    _check_expiry(rt, row.expires_at)
    with rt.db.begin() as tx:
        store.insert_key(tx, row)
        _set_scope(tx, row.id, dataset_ids)
        return _get_view(rt, tx, row.id)


def _check_expiry(rt: Runtime, expires_at: float | None) -> None:
    if expires_at is not None and expires_at <= rt.clock.now():
        raise InvalidParam("expires_at: must be in the future", params="expires_at")


def _set_scope(tx: Connection, key_id: str, dataset_ids: Sequence[str] | None) -> None:
    """Let a key see exactly these datasets; None is for a key that sees all."""
    wanted = list(dict.fromkeys(dataset_id.lower() for dataset_id in dataset_ids or ()))
    if dataset_ids is not None and not wanted:
        raise InvalidParam("dataset_ids: must name at least one dataset; null means all", params="dataset_ids")
    known = store.hold_datasets(tx, wanted)
    for dataset_id in wanted:
        if dataset_id not in known:
            raise InvalidParam(f"dataset_ids: there is no dataset {dataset_id}", params="dataset_ids")
    store.delete_scope(tx, key_id)
    store.insert_scope(tx, key_id, wanted)


def _get_view(rt: Runtime, conn: Connection, key_id: str) -> KeyView:
    found = store.find_key(conn, key_id)
    if found is None:
        raise NotFound(NO_KEY)
    return _viewed(rt, conn, [found])[0]


def _viewed(rt: Runtime, conn: Connection, keys: Sequence[ApiKey]) -> list[KeyView]:
    scopes = store.list_scopes(conn, [key.id for key in keys])
    now = rt.clock.now()
    return [KeyView(key, scopes[key.id] if key.is_scoped else None, _state(key, scopes[key.id], now)) for key in keys]


def _state(key: ApiKey, scope: Sequence[str], now: float) -> State:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "disabled" if key.is_scoped and not scope else "active"
