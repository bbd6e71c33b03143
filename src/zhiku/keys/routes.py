"""Routes of API keys, for those who administer them (contract 13)."""

from starlette.requests import Request
from starlette.responses import Response

from zhiku.access import service
from zhiku.errors import Forbidden, InvalidAction, InvalidParam, NotFound
from zhiku.http.auth import AdministratorDep
from zhiku.http.operation import operation, read_body
from zhiku.http.paging import page_body, read_page
from zhiku.http.router import Router
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.http.schema import encode, no_content
from zhiku.keys.schemas import CreateKey, KeyBody, KeyPageBody, UpdateKey, key_body, new_key_body

router = Router()

ONE_KEY = "/keys/{key_id:id}"


@operation(router, "POST", "/keys", body=CreateKey, reply=KeyBody, errors=(InvalidParam,), gives={"key_id": "/id"})
async def create_key(request: Request, rt: RuntimeDep, actor: AdministratorDep) -> Response:
    """Create a key; the reply shows it this once.

    A scoped key sees the datasets it names, and those that are made with it. Others are 404 for it, and missing from
    lists. When the last of its datasets is deleted it is disabled.
    """
    body = await read_body(request, CreateKey)
    view, key = await in_thread(service.create_key, rt, body.name, body.rights(), body.holder())
    return encode(new_key_body(view, key))


@operation(router, "GET", "/keys", is_paged=True, reply=KeyPageBody, errors=(Forbidden,))
async def list_keys(request: Request, rt: RuntimeDep, actor: AdministratorDep) -> Response:
    """List keys, revoked ones too, newest first."""
    page = read_page(request)
    views, total = await in_thread(service.list_keys, rt, page.offset, page.limit)
    return encode(page_body([key_body(view) for view in views], total, page))


@operation(router, "GET", ONE_KEY, reply=KeyBody, errors=(NotFound, Forbidden))
async def get_key(rt: RuntimeDep, actor: AdministratorDep, key_id: str) -> Response:
    """Get a key's rights and its state."""
    return encode(key_body(await in_thread(service.get_key, rt, key_id)))


@operation(router, "PATCH", ONE_KEY, body=UpdateKey, reply=KeyBody, errors=(NotFound, InvalidParam, InvalidAction))
async def update_key(request: Request, rt: RuntimeDep, actor: AdministratorDep, key_id: str) -> Response:
    """Change a key's name or rights, from the next request on."""
    body = await read_body(request, UpdateKey)
    return encode(key_body(await in_thread(service.update_key, rt, key_id, body.changes())))


@operation(router, "DELETE", ONE_KEY, status=204, errors=(NotFound,))
async def revoke_key(rt: RuntimeDep, actor: AdministratorDep, key_id: str) -> Response:
    """Revoke a key: it is refused from the next request on, and stays in the list."""
    await in_thread(service.revoke_key, rt, key_id)
    return no_content()
