"""The queue's promises, on both engines."""

import threading
from collections import Counter

import pytest
from sqlalchemy import bindparam, text

from tests.fake_clock import FakeClock
from zhiku.clock import SystemClock
from zhiku.db.engine import Connection, Database
from zhiku.db.tables import jobs, workspace
from zhiku.jobs import queue
from zhiku.jobs.kinds import IngestDocument, PurgeBlobs
from zhiku.jobs.queue import Job, LeaseLost

LEASE = 30.0
KINDS = ["ingest_document", "purge_blobs"]


def test_a_job_of_a_rolled_back_transaction_never_runs(database: Database, clock: FakeClock) -> None:
    with pytest.raises(RuntimeError), database.begin() as tx:
        add(tx, clock, "one")
        raise RuntimeError

    assert claim(database, clock) is None


def test_a_claimed_job_carries_its_payload_and_is_not_claimed_again(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        number = add(tx, clock, "one")

    job = claim(database, clock)

    assert job is not None
    assert (job.number, job.payload, job.subject) == (number, IngestDocument("one", 1), "document:one")
    assert (job.kind, job.attempts, job.fence, job.checkpoint_json) == ("ingest_document", 0, 1, None)
    assert claim(database, clock) is None


def test_only_jobs_of_the_wanted_kinds_are_claimed(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
        purge = queue.enqueue(tx, clock, PurgeBlobs(["a/b"]), subject="purge:1")

    job = queue.claim(database, clock, "w", LEASE, ["purge_blobs"])

    assert job is not None and job.number == purge


def test_jobs_of_one_subject_never_run_at_the_same_time(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        first, second = add(tx, clock, "one"), add(tx, clock, "one")
        other = add(tx, clock, "two")

    running = [must_claim(database, clock) for _ in range(2)]
    assert [job.number for job in running] == [first, other]
    assert claim(database, clock) is None

    with database.begin() as tx:
        queue.finish(tx, running[0])
    assert must_claim(database, clock).number == second


def test_the_catalog_itself_refuses_a_second_running_job_of_a_subject(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
        add(tx, clock, "one")
    with pytest.raises(Exception, match=r"(?i)unique"), database.begin() as tx:
        tx.execute(jobs.update().values(state="running"))


def test_a_job_whose_lease_ended_goes_to_another_worker_with_its_checkpoint(
    database: Database, clock: FakeClock
) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    first = must_claim(database, clock)
    with database.begin() as tx:
        queue.checkpoint(tx, first, {"step": 3})
    clock.advance(LEASE - 1)
    assert claim(database, clock) is None
    clock.advance(1)

    second = must_claim(database, clock)

    assert (second.number, second.fence, second.attempts) == (first.number, 2, 0)
    assert second.checkpoint_json == '{"step":3}'


@pytest.mark.parametrize("end", ["checkpoint", "finish", "fail", "retry"])
def test_a_late_write_is_rolled_back_with_its_step(database: Database, clock: FakeClock, end: str) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    late = must_claim(database, clock)
    clock.advance(LEASE)
    current = must_claim(database, clock)

    with pytest.raises(LeaseLost), database.begin() as tx:
        write_something(tx)
        end_step(tx, late, end)

    with database.read() as conn:
        assert conn.execute(workspace.select()).all() == []
    with database.begin() as tx:
        write_something(tx)
        end_step(tx, current, end)
    with database.read() as conn:
        assert len(conn.execute(workspace.select()).all()) == 1


def test_a_heartbeat_extends_the_lease_by_its_full_length(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    for _ in range(3):
        clock.advance(LEASE * 0.9)
        with database.begin() as tx:
            assert queue.heartbeat(tx, clock, job)
    assert claim(database, clock) is None
    clock.advance(LEASE)
    assert claim(database, clock) is not None


def test_a_heartbeat_tells_that_the_job_was_lost(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    clock.advance(LEASE)
    must_claim(database, clock)
    with database.begin() as tx:
        assert not queue.heartbeat(tx, clock, job)


def test_a_retried_job_waits_and_keeps_its_checkpoint_and_its_error(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.checkpoint(tx, job, [1, 2])
    with database.begin() as tx:
        queue.retry(tx, job, "the model is away", clock.now() + 10)

    assert claim(database, clock) is None
    with database.read() as conn:
        assert queue.find_next_at(conn) == clock.now() + 10
        assert conn.execute(jobs.select()).one().error == "the model is away"
    clock.advance(10)
    again = must_claim(database, clock)
    assert (again.attempts, again.fence, again.checkpoint_json) == (1, 2, "[1,2]")


def test_a_job_that_was_put_off_is_claimed_when_it_is_due_and_after_all_others(
    database: Database, clock: FakeClock
) -> None:
    with database.begin() as tx:
        queue.enqueue_later(tx, clock, IngestDocument("later", 1), 1000, subject="later")
    assert claim(database, clock) is None
    with database.read() as conn:
        assert (queue.find_next_at(conn), queue.has_jobs_soon(conn, clock)) == (clock.now() + 1000, False)
    clock.advance(1000)
    with database.begin() as tx:
        add(tx, clock, "one")
    with database.read() as conn:
        assert queue.has_jobs_soon(conn, clock)
    assert [must_claim(database, clock).subject for _ in range(2)] == ["document:one", "later"]


def test_a_retry_that_is_not_counted_leaves_the_attempts(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    with database.begin() as tx, pytest.raises(LeaseLost):
        queue.retry(tx, Job(1, "x", "{}", "s", 0, 9, LEASE, None), "", 0.0)
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.retry(tx, job, "disk full", clock.now(), is_counted=False)
    assert must_claim(database, clock).attempts == 0


def test_a_failed_job_is_kept_with_its_error_and_never_claimed(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.fail(tx, job, "the file is encrypted")
    clock.advance(1e6)

    assert claim(database, clock) is None
    with database.read() as conn:
        row = conn.execute(jobs.select()).one()
        assert (row.state, row.error, queue.find_next_at(conn)) == ("failed", "the file is encrypted", None)


def test_a_finished_job_is_gone(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.finish(tx, job)
    with database.read() as conn:
        assert conn.execute(jobs.select()).all() == []


def test_a_released_job_is_claimed_at_once_and_counts_no_failure(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.release(tx, job)

    again = must_claim(database, clock)

    assert (again.attempts, again.fence) == (0, 2)
    with pytest.raises(LeaseLost), database.begin() as tx:
        queue.finish(tx, job)


def test_releasing_an_owner_frees_its_jobs_and_no_others(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        first = add(tx, clock, "one")
        add(tx, clock, "two")
    queue.claim(database, clock, "local:1", LEASE, KINDS)
    queue.claim(database, clock, "remote:1", LEASE, KINDS)
    with database.begin() as tx:
        assert queue.release_owner(tx, clock, "local:") == 1

    assert must_claim(database, clock).number == first
    assert claim(database, clock) is None


def test_a_job_that_was_cut_off_twice_lets_others_go_first(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        bad = add(tx, clock, "bad")
        good = add(tx, clock, "good")
    for _ in range(2):
        assert must_claim(database, clock).number == bad
        with database.begin() as tx:
            queue.release_owner(tx, clock, "w")

    assert must_claim(database, clock).number == good
    assert claim(database, clock) is None
    clock.advance(queue.CUT_OFF_PAUSE_SECONDS)
    assert must_claim(database, clock).number == bad


def test_cancelling_a_subject_deletes_what_waits_and_fences_off_what_runs(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
        add(tx, clock, "one")
        kept = add(tx, clock, "two")
    running = must_claim(database, clock)
    with database.begin() as tx:
        assert queue.cancel_subject(tx, "document:one") == 2

    with pytest.raises(LeaseLost), database.begin() as tx:
        queue.checkpoint(tx, running, 1)
    with database.begin() as tx:
        assert not queue.heartbeat(tx, clock, running)
    assert must_claim(database, clock).number == kept


def test_a_paused_job_is_lost_to_its_worker_and_never_claimed(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one")
        kept = add(tx, clock, "two")
    running = must_claim(database, clock)
    with database.begin() as tx:
        assert queue.pause_subject(tx, "document:one") == 1

    with pytest.raises(LeaseLost), database.begin() as tx:
        queue.checkpoint(tx, running, 1)
    with database.begin() as tx:
        assert not queue.heartbeat(tx, clock, running)
        assert queue.release_owner(tx, clock, "") == 0
    clock.advance(10 * LEASE)
    assert must_claim(database, clock).number == kept
    assert claim(database, clock) is None


def test_a_resumed_job_goes_on_from_its_checkpoint_and_not_for_the_worker_that_had_it(
    database: Database, clock: FakeClock
) -> None:
    with database.begin() as tx:
        add(tx, clock, "one", dataset_id="a")
    before = must_claim(database, clock)
    with database.begin() as tx:
        queue.checkpoint(tx, before, {"step": 2})
        queue.pause_subject(tx, "document:one")
        assert queue.resume_subject(tx, clock, "document:one") == 1
        assert queue.resume_subject(tx, clock, "document:one") == 0

    job = must_claim(database, clock)
    assert (job.payload, job.subject, job.checkpoint_json) == (before.payload, "document:one", '{"step":2}')
    assert (job.fence, job.attempts) == (1, 0)
    with pytest.raises(LeaseLost), database.begin() as tx:
        queue.finish(tx, before)


def test_a_number_is_never_used_again_after_a_cancel(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        old = add(tx, clock, "one")
        queue.cancel_subject(tx, "document:one")
        assert add(tx, clock, "one") > old


def test_cancelling_a_dataset_deletes_its_jobs_only(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        add(tx, clock, "one", dataset_id="a")
        kept = add(tx, clock, "two", dataset_id="b")
        assert queue.cancel_dataset(tx, "a") == 1
    assert must_claim(database, clock).number == kept


def test_lower_priority_numbers_run_first(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        numbers = [add(tx, clock, str(priority), priority=priority) for priority in (1, 0, -1)]
    assert [must_claim(database, clock).number for _ in range(3)] == numbers[::-1]


def test_waiting_jobs_are_counted_delayed_ones_too(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        for name in "abc":
            add(tx, clock, name)
    job = must_claim(database, clock)
    must_claim(database, clock)
    with database.begin() as tx:
        queue.retry(tx, job, "", clock.now() + 100)
    with database.read() as conn:
        assert queue.count_waiting(conn) == 2


def test_a_single_document_does_not_wait_for_another_datasets_thousand(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        for number in range(300):
            add(tx, clock, f"big{number}", dataset_id="big")
    for _ in range(100):
        run_next(database, clock)
    with database.begin() as tx:
        add(tx, clock, "small", dataset_id="small")

    assert "document:small" in [run_next(database, clock) for _ in range(2)]


def test_datasets_with_many_documents_are_served_in_turns(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        for dataset_id in "abc":
            for number in range(20):
                add(tx, clock, f"{dataset_id}{number}", dataset_id=dataset_id)

    served = Counter(run_next(database, clock)[len("document:")] for _ in range(30))

    assert served == {"a": 10, "b": 10, "c": 10}


def test_a_dataset_whose_jobs_are_all_delayed_does_not_lose_its_turns(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        for number in range(40):
            add(tx, clock, f"a{number}", dataset_id="a")
    for _ in range(20):
        run_next(database, clock)
    for _ in range(20):
        job = must_claim(database, clock)
        with database.begin() as tx:
            queue.retry(tx, job, "the model is away", clock.now() + 10)
    with database.begin() as tx:
        for number in range(40):
            add(tx, clock, f"b{number}", dataset_id="b")
    clock.advance(10)

    served = Counter(run_next(database, clock)[len("document:")] for _ in range(20))

    assert served["a"] >= 9


def test_failed_jobs_do_not_send_their_dataset_to_the_end(database: Database, clock: FakeClock) -> None:
    with database.begin() as tx:
        for number in range(20):
            add(tx, clock, f"a{number}", dataset_id="a")
    for _ in range(20):
        job = must_claim(database, clock)
        with database.begin() as tx:
            queue.fail(tx, job, "unreadable")
    with database.begin() as tx:
        for number in range(5):
            add(tx, clock, f"b{number}", dataset_id="b")
        add(tx, clock, "again", dataset_id="a")

    assert "document:again" in [run_next(database, clock) for _ in range(2)]


def test_many_workers_at_once_claim_every_job_once_and_no_subject_twice(database: Database) -> None:
    clock = SystemClock()
    with database.begin() as tx:
        for number in range(60):
            add(tx, clock, str(number % 6), dataset_id=str(number % 3))
    running: set[str] = set()
    done: list[int] = []
    faults: list[str] = []
    guard = threading.Lock()

    def work(owner: str) -> None:
        while len(done) < 60 and not faults:
            job = queue.claim(database, clock, owner, LEASE, KINDS)
            if job is None:
                continue
            with guard:
                if job.subject in running:
                    faults.append(f"{job.subject} runs twice")
                running.add(job.subject)
            with database.begin() as tx:
                queue.checkpoint(tx, job, "done")
            with guard:
                # Before the commit of the finish: from then on another worker may rightly claim the subject.
                running.discard(job.subject)
            with database.begin() as tx:
                queue.finish(tx, job)
            done.append(job.number)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert faults == []
    assert len(done) == len(set(done)) == 60


def test_the_next_job_is_found_by_index_alone(sqlite_database: Database) -> None:
    explained = text(f"EXPLAIN QUERY PLAN {queue.CLAIM_JOB.text}").bindparams(bindparam("kinds", expanding=True))
    values = {"owner": "w", "now": 1, "lease_until": 2, "kinds": KINDS}
    with sqlite_database.read() as conn:
        plan = [row.detail for row in conn.execute(explained, values)]

    assert not [line for line in plan if line.startswith("SCAN")], plan
    assert any("due USING INDEX ix_jobs_state_priority_turn_number_run_at" in line for line in plan), plan


def add(tx: Connection, clock: SystemClock | FakeClock, name: str, *, dataset_id: str = "d", priority: int = 0) -> int:
    return queue.enqueue(
        tx, clock, IngestDocument(name, 1), subject=f"document:{name}", dataset_id=dataset_id, priority=priority
    )


def claim(database: Database, clock: FakeClock) -> Job | None:
    return queue.claim(database, clock, "w", LEASE, KINDS)


def must_claim(database: Database, clock: FakeClock) -> Job:
    job = claim(database, clock)
    assert job is not None
    return job


def run_next(database: Database, clock: FakeClock) -> str:
    """Claim and finish the next job and return its subject."""
    job = must_claim(database, clock)
    with database.begin() as tx:
        queue.finish(tx, job)
    return job.subject


def write_something(tx: Connection) -> None:
    values = {"id": "x", "owner_id": "o", "owner_name": "n", "is_sample_loaded": False, "link_secret": ""}
    tx.execute(workspace.insert().values(**values, created_at=0.0))


def end_step(tx: Connection, job: Job, end: str) -> None:
    if end == "checkpoint":
        queue.checkpoint(tx, job, 1)
    elif end == "finish":
        queue.finish(tx, job)
    elif end == "fail":
        queue.fail(tx, job, "error")
    else:
        queue.retry(tx, job, "error", 0.0)
