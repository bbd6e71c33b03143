"""Routes of connections to external sources, for those who administer them (contract 10.2)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.errors import ExternalConnectionInUse, Forbidden, InvalidParam, NotFound
from zhiku.external import connections
from zhiku.external.connection_schemas import (
    CreateConnection,
    ExternalConnectionBody,
    ExternalConnectionPageBody,
    ListConnections,
    UpdateConnection,
    connection_body,
)
from zhiku.http.auth import AdministratorDep
from zhiku.http.operation import operation, read_body, read_query
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_remote_thread, in_thread
from zhiku.http.schema import encode, no_content

router = Router()

CONNECTIONS = "/datasets/external-knowledge-api"
ONE_CONNECTION = CONNECTIONS + "/{connection_id:id}"


@operation(
    router,
    "POST",
    CONNECTIONS,
    body=CreateConnection,
    reply=ExternalConnectionBody,
    errors=(InvalidParam, Forbidden),
    gives={"connection_id": "/id"},
)
async def create_connection(request: Request, rt: RuntimeDep, actor: AdministratorDep) -> Response:
    """Connect an external knowledge source, which datasets can then be bound to.

    The source is asked once without a question, as Dify does. It is refused if it cannot be reached or answers 403,
    404 or 502. Hosts on the operator's own network must be listed in `ZHIKU_OUTBOUND_HOSTS`.
    """
    body = await read_body(request, CreateConnection)
    return encode(connection_body(await in_remote_thread(connections.create_connection, rt, actor, body.change())))


@operation(
    router,
    "GET",
    CONNECTIONS,
    query=ListConnections,
    is_paged=True,
    reply=ExternalConnectionPageBody,
    errors=(Forbidden,),
    gives={"connection_id": "/data/0/id"},
)
async def list_connections(request: Request, rt: RuntimeDep, actor: AdministratorDep) -> Response:
    """List connections to external sources, newest first."""
    query, page = read_query(request, ListConnections), read_page(request)
    views, total = await in_thread(connections.list_connections, rt, query.keyword, page)
    return encode(page_body([connection_body(view) for view in views], total, page))


@operation(router, "GET", ONE_CONNECTION, reply=ExternalConnectionBody, errors=(NotFound, Forbidden))
async def get_connection(rt: RuntimeDep, actor: AdministratorDep, connection_id: str) -> Response:
    """Get a connection and the datasets that are bound to it."""
    return encode(connection_body(await in_thread(connections.get_connection, rt, connection_id)))


@operation(
    router,
    "PATCH",
    ONE_CONNECTION,
    body=UpdateConnection,
    reply=ExternalConnectionBody,
    errors=(NotFound, InvalidParam),
)
async def update_connection(request: Request, rt: RuntimeDep, actor: AdministratorDep, connection_id: str) -> Response:
    """Change a connection, for all datasets that are bound to it; another endpoint or key is tried first.

    An endpoint on another host needs the key again.
    """
    await in_thread(connections.get_connection, rt, connection_id)
    body = await read_body(request, UpdateConnection)
    view = await in_remote_thread(connections.update_connection, rt, connection_id, body.change())
    return encode(connection_body(view))


@operation(router, "DELETE", ONE_CONNECTION, status=204, errors=(NotFound, ExternalConnectionInUse))
async def delete_connection(rt: RuntimeDep, actor: AdministratorDep, connection_id: str) -> Response:
    """Delete a connection that no dataset is bound to."""
    await in_thread(connections.delete_connection, rt, connection_id)
    return no_content()
