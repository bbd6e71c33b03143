"""The supervisor starts a worker when there are jobs, wakes it, restarts it and lets it go."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.jobs import supervised_child
from zhiku.errors import StorageFull, Unavailable
from zhiku.jobs.supervisor import SupervisorHooks, WorkerSupervisor

CHILD = [sys.executable, supervised_child.__file__]
PATIENCE_SECONDS = 60


class Stage:
    """A supervisor with a child of the given manner, and what happened so far."""

    def __init__(self, folder: Path, manner: str) -> None:
        self.folder = folder
        self.has_jobs = True
        self.outbox = threading.Semaphore(0)
        self.exits = 0
        hooks = SupervisorHooks(has_jobs=lambda: self.has_jobs, on_outbox=self.outbox.release, on_exit=self._count_exit)
        self.supervisor = WorkerSupervisor([*CHILD, str(folder), manner], hooks)

    def _count_exit(self) -> None:
        self.exits += 1

    def refuse_exit(self) -> None:
        """Fail as a full disk makes the hand-back fail."""
        raise StorageFull

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def starts(self) -> list[str]:
        return [line for line in self.notes() if line.startswith("start")]


@pytest.fixture
def stages(tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    """Make stages; their supervisors are stopped after the test."""
    made: list[Stage] = []

    def make(manner: str) -> Stage:
        made.append(Stage(tmp_path, manner))
        return made[-1]

    yield make
    for stage in made:
        stage.supervisor.stop(timeout=PATIENCE_SECONDS)


def test_a_worker_is_started_woken_heard_and_stopped(stages: Callable[[str], Stage]) -> None:
    stage = stages("stay")
    stage.supervisor.start()
    assert stage.outbox.acquire(timeout=PATIENCE_SECONDS)
    assert not stage.outbox.acquire(blocking=False), "what the worker prints is not taken for a message"

    stage.supervisor.wake()
    wait_for(lambda: "awake" in stage.notes())
    assert stage.supervisor.worker_pid == int(stage.starts()[0].split()[1])
    stage.supervisor.stop(timeout=PATIENCE_SECONDS)

    assert stage.notes()[-1] == "stopped"
    assert (len(stage.starts()), stage.exits, stage.supervisor.worker_pid) == (1, 1, None)


def test_no_worker_is_started_while_there_are_no_jobs(stages: Callable[[str], Stage]) -> None:
    stage = stages("stay")
    looked = threading.Event()
    stage.has_jobs = False
    hooks = SupervisorHooks(has_jobs=lambda: bool(looked.set()), on_outbox=lambda: None, on_exit=lambda: None)
    supervisor = WorkerSupervisor([*CHILD, str(stage.folder), "stay"], hooks)
    supervisor.start()
    assert looked.wait(PATIENCE_SECONDS)
    supervisor.stop(timeout=PATIENCE_SECONDS)
    assert stage.notes() == []


def test_a_worker_that_left_is_started_again_when_jobs_come(stages: Callable[[str], Stage]) -> None:
    stage = stages("leave")
    stage.supervisor.start()
    assert stage.outbox.acquire(timeout=PATIENCE_SECONDS)
    stage.has_jobs = False
    stage.supervisor.wake()
    wait_for(lambda: stage.exits == 1)

    stage.has_jobs = True
    stage.supervisor.wake()

    wait_for(lambda: len(stage.starts()) == 2)


def test_a_crashed_worker_is_reported_and_replaced(stages: Callable[[str], Stage]) -> None:
    stage = stages("crash")
    stage.supervisor.start()
    wait_for(lambda: len(stage.starts()) == 2)
    assert stage.exits >= 1
    stage.supervisor.stop(timeout=PATIENCE_SECONDS)
    assert stage.exits == len(stage.starts())


def test_a_worker_that_does_not_stop_is_killed(stages: Callable[[str], Stage]) -> None:
    stage = stages("deaf")
    stage.supervisor.start()
    wait_for(lambda: "deaf" in stage.notes())
    stage.supervisor.stop(timeout=0.1)
    assert (stage.exits, stage.supervisor.worker_pid) == (1, None)


def test_a_catalog_that_is_away_does_not_end_the_supervision(stages: Callable[[str], Stage]) -> None:
    stage = stages("stay")
    answers = [Unavailable(), Unavailable()]

    def has_jobs() -> bool:
        if answers:
            raise answers.pop()
        return True

    hooks = SupervisorHooks(has_jobs=has_jobs, on_outbox=stage.outbox.release, on_exit=stage.refuse_exit)
    supervisor = WorkerSupervisor([*CHILD, str(stage.folder), "leave"], hooks)
    supervisor.start()
    assert stage.outbox.acquire(timeout=PATIENCE_SECONDS)
    supervisor.wake()
    assert stage.outbox.acquire(timeout=PATIENCE_SECONDS), "a worker comes again after the failed hand-back"
    supervisor.stop(timeout=PATIENCE_SECONDS)


def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    asked = threading.Semaphore(0)
    hooks = SupervisorHooks(
        has_jobs=lambda: not asked.release(), on_outbox=lambda: None, on_exit=lambda: None
    )  # fmt: skip
    supervisor = WorkerSupervisor([str(tmp_path / "nothing")], hooks)
    supervisor.start()
    for _ in range(2):
        assert asked.acquire(timeout=PATIENCE_SECONDS)
    supervisor.stop(timeout=PATIENCE_SECONDS)


def test_stopping_before_the_start_does_nothing(stages: Callable[[str], Stage]) -> None:
    stage = stages("stay")
    stage.supervisor.stop(timeout=1)
    assert stage.notes() == []


def test_a_worker_whose_parent_is_gone_stops_by_itself(tmp_path: Path) -> None:
    child = subprocess.Popen([*CHILD, str(tmp_path), "stay"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    with child.stdout, child.stdin:
        assert child.stdout.readline() == b"outbox\n"
        child.stdin.close()
        assert child.wait(PATIENCE_SECONDS) == 0
    assert (tmp_path / "notes").read_text().splitlines()[-1] == "parent gone"


def wait_for(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "nothing happened"
        time.sleep(0.01)
