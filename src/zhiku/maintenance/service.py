"""What the one who runs a server wants to see at a glance."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zhiku.http.paging import Page
from zhiku.jobs.queue import FAILED, PAUSED, RUNNING, WAITING
from zhiku.maintenance import store
from zhiku.maintenance.store import JobView, Totals
from zhiku.runtime import Runtime

STATES = (RUNNING, WAITING, PAUSED, FAILED)

# What `st_blocks` counts, whatever the file system's own blocks are.
BLOCK_BYTES = 512


@dataclass(frozen=True, slots=True)
class Overview:
    """How much there is, what is being worked on, and what it takes on disk, in bytes by place."""

    totals: Totals
    jobs: Mapping[str, int]
    documents: Mapping[str, int]
    disk_bytes: Mapping[str, int]
    free_bytes: int


def get_overview(rt: Runtime) -> Overview:
    """Return what stands now. Walks the data folder, so it is for a page that is opened now and then."""
    with rt.db.read() as conn:
        totals, jobs = store.count_rows(conn), store.count_jobs(conn)
        documents = store.count_documents_by_status(conn)
    folder = rt.settings.data_dir
    places = {"blobs": rt.settings.blobs_dir, "index": rt.settings.index_dir, "models": rt.settings.models_dir}
    disk = {name: _measure(path) for name, path in places.items()}
    disk["catalog"] = sum(path.stat().st_size for path in folder.glob("catalog.sqlite3*"))
    usage = os.statvfs(folder)
    return Overview(totals, jobs, documents, disk, usage.f_bavail * usage.f_frsize)


def list_jobs(rt: Runtime, state: str, page: Page) -> tuple[list[JobView], int]:
    """Return a page of the jobs in a state, the newest first, and how many there are."""
    with rt.db.read() as conn:
        return store.list_jobs(conn, state, page.offset, page.limit), store.count_jobs(conn).get(state, 0)


def _measure(folder: Path) -> int:
    """Return how many bytes of the disk a folder's files take; those that go away meanwhile take none."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                # Not their length: the index keeps room in its files that the disk does not give yet.
                total += os.stat(os.path.join(place, name)).st_blocks * BLOCK_BYTES
            except FileNotFoundError:
                continue
    return total
