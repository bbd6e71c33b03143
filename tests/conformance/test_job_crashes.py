"""Two worker processes, one of which is killed or stalls in the middle of a job, on both engines."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.conformance import crash_worker
from tests.conformance.crash_worker import STEPS
from zhiku.clock import SystemClock
from zhiku.db.engine import Database
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120
ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def steps_database(database: Database) -> Iterator[Database]:
    """A catalog with a table for the steps, whose key refuses a step that finishes twice under one fence."""
    with database.begin() as tx:
        tx.execute(text("CREATE TABLE steps (job INTEGER, fence INTEGER, step INTEGER, worker INTEGER)"))
        tx.execute(text("CREATE UNIQUE INDEX steps_once ON steps (job, fence, step)"))
    yield database
    with database.begin() as tx:
        tx.execute(text("DROP TABLE steps"))


@pytest.fixture
def start(steps_database: Database) -> Iterator[Start]:
    """Start worker processes; what still runs after the test is killed."""
    children: list[subprocess.Popen[str]] = []

    def start_worker(manner: str = "healthy", hang_before: int | None = None) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", crash_worker.__name__, steps_database.url, manner]
        argv += [] if hang_before is None else [str(hang_before)]
        children.append(subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return children[-1]

    yield start_worker
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def test_another_worker_takes_over_the_job_of_a_killed_one(steps_database: Database, start: Start) -> None:
    (number,) = enqueue(steps_database, 1)
    killed = start(hang_before=4)
    wait_until_hanging(killed)
    killed.kill()
    killed.wait(PATIENCE_SECONDS)

    heir = start()
    assert heir.wait(PATIENCE_SECONDS) == 0

    expected = [(number, 1, step, killed.pid) for step in (1, 2, 3)]
    expected += [(number, 2, step, heir.pid) for step in (4, 5, 6)]
    assert read_steps(steps_database) == expected
    assert count_jobs(steps_database) == 0


def test_a_worker_that_was_only_slow_writes_nothing_after_it_lost_its_job(
    steps_database: Database, start: Start
) -> None:
    (number,) = enqueue(steps_database, 1)
    slow = start("pulseless", hang_before=3)
    wait_until_hanging(slow)
    heir = start()
    assert heir.wait(PATIENCE_SECONDS) == 0

    slow.communicate("\n", timeout=PATIENCE_SECONDS)

    assert slow.returncode == 0
    steps = read_steps(steps_database)
    assert [(job, step) for job, _, step, _ in steps] == [(number, step) for step in range(1, STEPS + 1)]
    assert {worker for _, _, step, worker in steps if step >= 3} == {heir.pid}


def test_a_waiting_worker_does_the_other_jobs_while_the_killed_ones_lease_runs(
    steps_database: Database, start: Start
) -> None:
    numbers = enqueue(steps_database, 6)
    killed = start(hang_before=2)
    wait_until_hanging(killed)
    heir = start()
    killed.kill()
    assert heir.wait(PATIENCE_SECONDS) == 0

    steps = read_steps(steps_database)
    assert sorted((job, step) for job, _, step, _ in steps) == [
        (number, step) for number in numbers for step in range(1, STEPS + 1)
    ]
    assert count_jobs(steps_database) == 0


def enqueue(database: Database, count: int) -> list[int]:
    with database.begin() as tx:
        return [
            queue.enqueue(tx, SystemClock(), IngestDocument(str(number), 1), subject=f"document:{number}")
            for number in range(count)
        ]


def wait_until_hanging(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == "hanging\n"


def read_steps(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as conn:
        rows = conn.execute(text("SELECT job, fence, step, worker FROM steps ORDER BY job, fence, step"))
        return [tuple(row) for row in rows]


def count_jobs(database: Database) -> int:
    with database.read() as conn:
        return conn.execute(text("SELECT COUNT(*) FROM jobs")).scalar_one()
