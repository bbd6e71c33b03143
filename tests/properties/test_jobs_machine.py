"""Workers that claim, stall, crash and come back in any order, with hypothesis choosing the order."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from tests.conftest import empty_tables
from tests.fake_clock import FakeClock
from zhiku.db.engine import Database
from zhiku.db.tables import jobs, workspace
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument
from zhiku.jobs.queue import Job, LeaseLost

LEASE = 30.0
KINDS = ["ingest_document"]


@dataclass
class Holder:
    """A job in the hands of a worker, who may not know that it was lost."""

    job: Job
    leased_until: float
    step: int = 0


@dataclass
class Model:
    """What must be true whatever the order."""

    waiting: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    holders: dict[int, Holder] = field(default_factory=dict)
    steps: set[tuple[int, int, int]] = field(default_factory=set)


class JobsMachine(RuleBasedStateMachine):
    """The queue under several workers, beside a model of who may write."""

    database: Database
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        empty_tables(self.database)
        self.clock = FakeClock()
        self.model = Model()
        self.written = 0

    @rule(subject=st.sampled_from("abcd"), dataset=st.sampled_from("xy"))
    def enqueue(self, subject: str, dataset: str) -> None:
        with self.database.begin() as tx:
            payload = IngestDocument(subject, 1)
            number = queue.enqueue(tx, self.clock, payload, subject=subject, dataset_id=dataset)
        assert number not in self.model.waiting | self.model.ended | self.model.cancelled
        self.model.waiting.add(number)

    @rule(target=held)
    def claim(self) -> Any:
        job = queue.claim(self.database, self.clock, "w", LEASE, KINDS)
        if job is None:
            return multiple()
        previous = self.model.holders.get(job.number)
        assert job.number in self.model.waiting or previous is not None
        if previous is not None:
            assert previous.leased_until <= self.clock.now(), "claimed under a living lease"
            assert job.fence > previous.job.fence
        for other in self.model.holders.values():
            assert other.job.number == job.number or other.job.subject != job.subject, "a subject runs twice"
        done = [step for number, _, step in self.model.steps if number == job.number]
        resumed = int(job.checkpoint_json or 0)
        assert resumed == max(done, default=0), "a claim resumes behind the last finished step"
        holder = Holder(job, self.clock.now() + LEASE, resumed)
        self.model.waiting.discard(job.number)
        self.model.holders[job.number] = holder
        return holder

    @rule(target=held, holder=held)
    def stall_until_another_worker_has_it(self, holder: Holder) -> Any:
        if self._is_holding(holder):
            self.clock.advance(LEASE)
        return self.claim()

    @rule(holder=held)
    def finish_a_step(self, holder: Holder) -> None:
        try:
            with self.database.begin() as tx:
                tx.execute(
                    workspace.insert().values(
                        id=str(self.written),
                        owner_id="",
                        owner_name="",
                        is_sample_loaded=False,
                        link_secret="",
                        created_at=0.0,
                    )
                )
                queue.checkpoint(tx, holder.job, holder.step + 1)
        except LeaseLost:
            assert not self._is_holding(holder)
            return
        assert self._is_holding(holder), "a late write was let in"
        holder.step += 1
        self.written += 1
        step = (holder.job.number, holder.job.fence, holder.step)
        assert step not in self.model.steps, "a step finished twice under one fence"
        self.model.steps.add(step)

    @rule(holder=held, end=st.sampled_from(["finish", "fail", "retry"]))
    def end_the_job(self, holder: Holder, end: str) -> None:
        try:
            with self.database.begin() as tx:
                if end == "finish":
                    queue.finish(tx, holder.job)
                elif end == "fail":
                    queue.fail(tx, holder.job, "error")
                else:
                    queue.retry(tx, holder.job, "error", self.clock.now() + 5)
        except LeaseLost:
            assert not self._is_holding(holder)
            return
        assert self._is_holding(holder)
        number = holder.job.number
        del self.model.holders[number]
        (self.model.waiting if end == "retry" else self.model.ended).add(number)

    @rule(holder=held)
    def beat(self, holder: Holder) -> None:
        with self.database.begin() as tx:
            is_held = queue.heartbeat(tx, self.clock, holder.job)
        assert is_held == self._is_holding(holder)
        if is_held:
            holder.leased_until = self.clock.now() + LEASE

    @rule(holder=held)
    def hand_back(self, holder: Holder) -> None:
        with self.database.begin() as tx:
            queue.release(tx, holder.job)
        if self._is_holding(holder):
            del self.model.holders[holder.job.number]
            self.model.waiting.add(holder.job.number)

    @rule(subject=st.sampled_from("abcd"))
    def cancel(self, subject: str) -> None:
        held = {number for number, holder in self.model.holders.items() if holder.job.subject == subject}
        with self.database.begin() as tx:
            count = queue.cancel_subject(tx, subject)
        assert count >= len(held)
        for number in held:
            del self.model.holders[number]
            self.model.cancelled.add(number)
        with self.database.read() as conn:
            left = set(conn.execute(jobs.select()).scalars())
        self.model.cancelled |= self.model.waiting - left
        self.model.waiting &= left

    @rule(seconds=st.sampled_from([1.0, 6.0, LEASE]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.model.holders)
    @rule()
    def restart_after_a_crash(self) -> None:
        with self.database.begin() as tx:
            assert queue.release_owner(tx, self.clock, "w") == len(self.model.holders)
        self.model.waiting |= set(self.model.holders)
        self.model.holders.clear()

    @invariant()
    def the_catalog_and_the_model_agree(self) -> None:
        with self.database.read() as conn:
            assert len(conn.execute(workspace.select()).all()) == self.written
            running = conn.execute(select(jobs.c.number).where(jobs.c.state == "running")).scalars()
            assert set(running) == set(self.model.holders)

    def teardown(self) -> None:
        """Whatever happened, a worker that comes now ends every job that was neither ended nor cancelled."""
        left = self.model.waiting | set(self.model.holders)
        self.clock.advance(1000)
        while (job := queue.claim(self.database, self.clock, "last", LEASE, KINDS)) is not None:
            with self.database.begin() as tx:
                queue.finish(tx, job)
            left.remove(job.number)
        assert left == set(), "jobs are stuck"

    def _is_holding(self, holder: Holder) -> bool:
        return self.model.holders.get(holder.job.number) is holder


def test_no_order_of_claims_and_crashes_breaks_the_queue(database: Database) -> None:
    is_quick = database.dialect == "sqlite"

    class Machine(JobsMachine):
        pass

    Machine.database = database
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25 if is_quick else 6,
            stateful_step_count=30,
            deadline=None,
            # Shrinking a failure takes minutes with a real catalog, and 30 steps can be read as they are.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
