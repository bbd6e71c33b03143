"""Bearer key to Actor, with the contract's three refusals (2.1), and the refusal of a key that may only read."""

from typing import Annotated

from starlette.requests import Request

from zhiku.access.actor import Actor
from zhiku.access.service import find_actor
from zhiku.errors import Forbidden, Unauthorized
from zhiku.http.router import Depends
from zhiku.http.runtime import get_runtime, in_thread

NO_HEADER = "Authorization header must be provided and start with 'Bearer'"
WRONG_SCHEME = "Authorization scheme must be 'Bearer'"


async def require_actor(request: Request) -> Actor:
    """Return who the request's key belongs to. Raises Unauthorized."""
    key = read_key(_header(request))
    rt = get_runtime(request)
    # A read of the file beside us takes less time than a change of thread; a database server may be slow or away.
    is_local = rt.db.dialect == "sqlite"
    actor = find_actor(rt, key) if is_local else await in_thread(find_actor, rt, key)
    if actor is None:
        raise Unauthorized
    return actor


ActorDep = Annotated[Actor, Depends(require_actor)]


def require_administrator(actor: ActorDep) -> Actor:
    """Return the actor if its key may administer keys and connections.

    Raises Forbidden for another role, and for an admin key that is a member's or sees only some datasets: with a new
    key it could see the rest.
    """
    if not actor.can_administer:
        raise Forbidden
    return actor


AdministratorDep = Annotated[Actor, Depends(require_administrator)]


def refuse_reader(actor: ActorDep) -> None:
    """Raise Forbidden if the key may only read; a step of every operation that changes something."""
    if not actor.can_write:
        raise Forbidden


def read_key(header: str | None) -> str:
    """Return the key in an Authorization header: all after the first run of blanks. Raises Unauthorized."""
    if header is None or " " not in header:
        raise Unauthorized(NO_HEADER)
    parts = header.split(None, 1)
    if not parts or parts[0].lower() != "bearer":
        raise Unauthorized(WRONG_SCHEME)
    key = parts[1].strip() if len(parts) > 1 else ""
    if not key:
        raise Unauthorized
    return key


def _header(request: Request) -> str | None:
    # Any opaque string may be a key, and clients send what is not ASCII as UTF-8.
    for name, value in request.scope["headers"]:
        if name == b"authorization":
            return value.decode("utf-8", "surrogateescape")
    return None
