"""Who may make and revoke keys."""

from typing import Annotated

from zhiku.access.actor import Actor
from zhiku.errors import Forbidden
from zhiku.http.auth import ActorDep
from zhiku.http.router import Depends


def require_administrator(actor: ActorDep) -> Actor:
    """Return the actor if its key may administer keys.

    Raises Forbidden for another role, and for an admin key that is a member's or sees only some datasets: with a new
    key it could see the rest.
    """
    if not actor.can_administer:
        raise Forbidden
    return actor


AdministratorDep = Annotated[Actor, Depends(require_administrator)]
