"""Pages of API keys: who may use the API, what for, and until when."""

from starlette.responses import Response

from zhiku.access import service
from zhiku.access.actor import Role
from zhiku.access.service import KeyHolder, KeyRights
from zhiku.console.pages import PAGE_SIZE, Pages, Visit
from zhiku.datasets.schemas import ListDatasets
from zhiku.datasets.service import list_datasets
from zhiku.errors import InvalidParam
from zhiku.http.paging import MAX_LIMIT, Page
from zhiku.http.runtime import in_thread

pages = Pages()

KEYS = "/console/keys"
ROLES: dict[str, Role] = {"read": "read", "write": "write", "admin": "admin"}
DAY_SECONDS = 24 * 3600
MAX_NAME_CHARS = 255
MAX_DAYS = 3650


@pages.get("/keys")
async def show_keys(visit: Visit) -> Response:
    """Show all keys, and the form of a new one."""
    return await _render(visit, None)


@pages.post("/keys")
async def create_key(visit: Visit) -> Response:
    """Create a key and show it, this once."""
    name = visit.form.get("name", "").strip()[:MAX_NAME_CHARS]
    role = ROLES.get(visit.form.get("role", ""), "read")
    if not name or "\0" in name:
        raise InvalidParam(visit.language.text("key.name_missing"))
    chosen = visit.form.getlist("dataset") if visit.form.get("scope") == "some" else None
    rights = KeyRights(role=role, dataset_ids=chosen, expires_at=_expiry(visit))
    holder = KeyHolder(is_member=visit.form.get("holder") == "member")
    _, key = await in_thread(service.create_key, visit.rt, name, rights, holder)
    return await _render(visit, key)


@pages.post("/keys/{key_id:id}/revoke")
async def revoke_key(visit: Visit) -> Response:
    """Refuse a key from now on."""
    await in_thread(service.revoke_key, visit.rt, visit.path("key_id"))
    return visit.go(KEYS, "key.revoked")


async def _render(visit: Visit, new_key: str | None) -> Response:
    page = Page(visit.page_number, PAGE_SIZE)
    keys, total = await in_thread(service.list_keys, visit.rt, page.offset, page.limit)
    datasets, _ = await in_thread(list_datasets, visit.rt, visit.actor, ListDatasets(), Page(1, MAX_LIMIT))
    return visit.render(
        "keys.html",
        keys=keys,
        total=total,
        page=page.page,
        limit=page.limit,
        datasets={row.dataset.id: row.dataset.name for row in datasets},
        new_key=new_key,
        roles=ROLES,
        address=f"{KEYS}?",
    )


def _expiry(visit: Visit) -> float | None:
    """Return when a new key ends: after the given days, never without any. Raises InvalidParam."""
    days = visit.form.get("days", "").strip()
    if not days:
        return None
    if not days.isdecimal() or not 1 <= int(days[:6]) <= MAX_DAYS:
        raise InvalidParam(visit.language.text("key.days_wrong", last=MAX_DAYS))
    return visit.rt.clock.now() + int(days) * DAY_SECONDS
