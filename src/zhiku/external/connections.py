"""Rules of connections to external sources: tried before they are kept, their keys encrypted (contract 10.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from zhiku.access.actor import Actor
from zhiku.errors import ExternalConnectionInUse, InvalidParam, NotFound
from zhiku.external import store
from zhiku.external.store import BoundDataset, ExternalConnection
from zhiku.http.paging import Page
from zhiku.outbound.call import read_target
from zhiku.outbound.source import SourceFailed, call_source, key_place
from zhiku.runtime import Runtime
from zhiku.vault import SecretUnreadable, seal, unseal

NO_CONNECTION = "External API template not found."

# What a source is tried with; one that is well may find nothing or call it a mistake.
PROBE = {
    "knowledge_id": "",
    "query": "",
    "retrieval_setting": {"top_k": 1, "score_threshold": 0.0},
    "metadata_condition": None,
}
REFUSALS = {
    403: "refused the key",
    404: "has no /retrieval there",
    502: "cannot be reached behind its gateway",
}


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """A connection with the datasets that are bound to it."""

    connection: ExternalConnection
    datasets: Sequence[BoundDataset]


@dataclass(frozen=True, slots=True)
class ConnectionChange:
    """What to change of a connection; None stays."""

    name: str | None = None
    description: str | None = None
    endpoint: str | None = None
    api_key: str | None = None


def create_connection(rt: Runtime, actor: Actor, change: ConnectionChange) -> ConnectionView:
    """Keep a new connection and return it. Tries its source first, for up to 10 seconds.

    Raises InvalidParam if the source is not reached or refuses.
    """
    endpoint, key = change.endpoint or "", change.api_key or ""
    _try_source(rt, endpoint, key)
    now, connection_id = rt.clock.now(), str(uuid4())
    connection = ExternalConnection(
        id=connection_id,
        name=change.name or "",
        description=change.description or "",
        endpoint=endpoint,
        sealed_key=seal(rt.settings, key, key_place(connection_id)),
        created_by=actor.id,
        created_at=now,
        updated_at=now,
    )
    with rt.db.begin() as tx:
        store.insert_connection(tx, connection)
    return ConnectionView(connection, [])


def get_connection(rt: Runtime, connection_id: str) -> ConnectionView:
    """Return a connection. Raises NotFound."""
    with rt.db.read() as conn:
        found = store.find_connection(conn, connection_id)
        if found is None:
            raise NotFound(NO_CONNECTION)
        return ConnectionView(found, store.list_bound_datasets(conn, [connection_id])[connection_id])


def list_connections(rt: Runtime, keyword: str | None, page: Page) -> tuple[list[ConnectionView], int]:
    """Return a page of connections, newest first, and how many there are."""
    with rt.db.read() as conn:
        found = store.list_connections(conn, keyword, page.offset, page.limit)
        bound = store.list_bound_datasets(conn, [connection.id for connection in found])
        views = [ConnectionView(connection, bound[connection.id]) for connection in found]
        return views, store.count_connections(conn, keyword)


def update_connection(rt: Runtime, connection_id: str, change: ConnectionChange) -> ConnectionView:
    """Change a connection and return it; a source with another endpoint or key is tried first.

    Raises NotFound, InvalidParam if the source is not reached or refuses, or if it is on another host and the key is
    not given anew: a key must not be had by sending it elsewhere.
    """
    before = get_connection(rt, connection_id).connection
    values: dict[str, Any] = {"updated_at": rt.clock.now()}
    if change.name is not None:
        values["name"] = change.name
    if change.description is not None:
        values["description"] = change.description
    if change.endpoint is not None or change.api_key is not None:
        values |= _tried_settings(rt, before, change)
    with rt.db.begin() as tx:
        if not store.update_connection(tx, connection_id, values):
            raise NotFound(NO_CONNECTION)
    return get_connection(rt, connection_id)


def delete_connection(rt: Runtime, connection_id: str) -> None:
    """Delete a connection. Raises NotFound, ExternalConnectionInUse while datasets are bound to it."""
    with rt.db.begin() as tx:
        match store.delete_connection(tx, connection_id):
            case None:
                raise ExternalConnectionInUse
            case False:
                raise NotFound(NO_CONNECTION)
            case True:
                pass


def _tried_settings(rt: Runtime, before: ExternalConnection, change: ConnectionChange) -> dict[str, str]:
    endpoint = change.endpoint or before.endpoint
    key = change.api_key
    if key is None:
        if _origin(endpoint) != _origin(before.endpoint):
            raise InvalidParam("settings.api_key: is needed for an endpoint on another host", params="settings.api_key")
        try:
            key = unseal(rt.settings, before.sealed_key, key_place(before.id))
        except SecretUnreadable as error:
            raise InvalidParam(
                "settings.api_key: the stored key cannot be read; send it again", params="settings.api_key"
            ) from error
    _try_source(rt, endpoint, key)
    return {"endpoint": endpoint, "sealed_key": seal(rt.settings, key, key_place(before.id))}


def _origin(endpoint: str) -> tuple[bool, str, int]:
    target = read_target(endpoint)
    return target.is_tls, target.host, target.port


def _try_source(rt: Runtime, endpoint: str, key: str) -> None:
    try:
        answer = call_source(rt.settings, endpoint, key, PROBE)
    except SourceFailed as error:
        raise InvalidParam(f"settings.endpoint: {error}", params="settings.endpoint") from error
    if answer.status in REFUSALS:
        field = "api_key" if answer.status == 403 else "endpoint"
        cause = f"The external source {REFUSALS[answer.status]} ({answer.status})."
        raise InvalidParam(f"settings.{field}: {cause}", params=f"settings.{field}")
