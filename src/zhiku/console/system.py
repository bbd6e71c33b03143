"""The page of the system: how much there is, what is being worked on, and what failed."""

from starlette.responses import Response

from zhiku.console.pages import PAGE_SIZE, Pages, Visit
from zhiku.http.paging import Page
from zhiku.http.runtime import in_thread
from zhiku.maintenance import service

pages = Pages()

SYSTEM = "/console/system"


@pages.get("/system")
async def show_system(visit: Visit) -> Response:
    """Show the counts, the disk and the jobs of one state; a script asks again while some are in work."""
    overview = await in_thread(service.get_overview, visit.rt)
    busiest = next((state for state in service.STATES if overview.jobs.get(state)), service.STATES[0])
    state = next((each for each in service.STATES if each == visit.query.get("state")), busiest)
    page = Page(visit.page_number, PAGE_SIZE)
    jobs, total = await in_thread(service.list_jobs, visit.rt, state, page)
    return visit.render(
        "system_parts.html" if visit.is_fragment else "system.html",
        overview=overview,
        jobs=jobs,
        total=total,
        state=state,
        states=service.STATES,
        page=page.page,
        limit=page.limit,
        is_busy=bool(overview.jobs.get("waiting") or overview.jobs.get("running")),
        address=f"{SYSTEM}?state={state}&",
    )
