"""Cutting all documents of a dataset anew by another process rule, a few at a time (contract 13).

Each is cut as an update that brings only a rule: it keeps what stays the same, and its old content answers until the
new one is complete. The walk is a chain of jobs, each behind the documents that the one before has queued, so that it
takes the dataset's turns and nobody else's, and little is queued when it is cancelled.
"""

from dataclasses import dataclass, replace
from uuid import uuid4

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset, ProcessRuleRow
from zhiku.db.engine import Connection
from zhiku.documents import recut_store, store
from zhiku.documents.decision import check_model, decide_cut
from zhiku.documents.recut_store import Recut
from zhiku.documents.schemas import ContentSettings, RecutDocuments
from zhiku.documents.store import Document
from zhiku.documents.work import FINISHED, restart_work
from zhiku.errors import InvalidAction, InvalidParam, NotFound
from zhiku.jobs import queue
from zhiku.jobs.kinds import RecutDataset
from zhiku.runtime import Runtime

BATCH = 20
WALKING, WALKED, CANCELLED, ERROR = "walking", "walked", "cancelled", "error"


@dataclass(frozen=True, slots=True)
class RecutProgress:
    """A recut with its rule, and how far it is: `done` and `failed` documents are finished, `skipped` ones stay."""

    recut: Recut
    rule: ProcessRuleRow
    status: str
    total: int
    done: int
    failed: int


def start_recut(rt: Runtime, actor: Actor, dataset: Dataset, request: RecutDocuments) -> RecutProgress:
    """Begin to cut the dataset's documents by the rule, which is its newest from now on; return how far that is.

    One that is under way ends where it is. Raises InvalidParam, ProviderNotInitialize, NotFound.
    """
    if dataset.provider == "external":
        raise InvalidParam("External datasets are not supported.")
    check_model(rt, dataset)
    settings = ContentSettings(process_rule=request.process_rule)
    now = rt.clock.now()
    with rt.db.begin() as tx:
        current = dataset_store.find_dataset(tx, dataset.id) if dataset_store.hold_dataset(tx, dataset.id) else None
        if current is None:
            raise NotFound("Dataset not found.")
        rule = decide_cut(rt, tx, current, settings).rule
        dataset_store.insert_rule(tx, rule, now)
        recut = Recut(
            dataset_id=dataset.id,
            id=str(uuid4()),
            process_rule_id=rule.id,
            state=WALKING,
            error=None,
            after=0,
            last=recut_store.find_last_number(tx, dataset.id),
            walked=0,
            skipped=0,
            created_by=actor.id,
            created_at=now,
            ended_at=None,
        )
        queue.cancel_subject(tx, _subject(dataset.id))
        recut_store.replace_recut(tx, recut)
        _queue_walk(rt, tx, recut)
    rt.wakeups.jobs()
    return get_recut(rt, dataset.id)


def get_recut(rt: Runtime, dataset_id: str) -> RecutProgress:
    """Return how far the dataset's last recut is. Raises NotFound."""
    found = find_recut(rt, dataset_id)
    if found is None:
        raise NotFound("The documents of this dataset have not been cut anew.")
    return found


def find_recut(rt: Runtime, dataset_id: str) -> RecutProgress | None:
    """Return how far the dataset's last recut is, or None."""
    with rt.db.read() as conn:
        recut = recut_store.find_recut(conn, dataset_id)
        if recut is None:
            return None
        rule = dataset_store.find_rule(conn, recut.process_rule_id)
        counts = recut_store.count_recut(conn, recut)
    if rule is None:
        return None
    return RecutProgress(
        recut=recut,
        rule=rule,
        status=_status(recut, counts.working),
        total=recut.walked + counts.ahead,
        done=max(0, recut.walked - recut.skipped - counts.working - counts.failed),
        failed=counts.failed,
    )


def cancel_recut(rt: Runtime, dataset_id: str) -> RecutProgress:
    """End a recut: documents that are being cut are finished, the others stay as they are.

    Raises NotFound, InvalidAction if it has ended already by itself.
    """
    with rt.db.begin() as tx:
        recut = recut_store.find_recut(tx, dataset_id) if dataset_store.hold_dataset(tx, dataset_id) else None
        if recut is not None and recut.state == WALKING:
            queue.cancel_subject(tx, _subject(dataset_id))
            recut_store.change_recut(tx, recut, {"state": CANCELLED, "ended_at": rt.clock.now()})
        elif recut is not None and recut.state != CANCELLED:
            raise InvalidAction("Every document has its new rule already, so there is nothing to cancel.")
    return get_recut(rt, dataset_id)


def walk_on(rt: Runtime, tx: Connection, job: RecutDataset) -> None:
    """Send the next documents to be cut, in the caller's transaction, and queue the rest of the walk behind them.

    Nothing happens if the recut has ended or another one has taken its place.
    """
    is_held = dataset_store.hold_dataset(tx, job.dataset_id)
    recut = recut_store.find_recut(tx, job.dataset_id) if is_held else None
    if recut is None or recut.id != job.recut_id or recut.state != WALKING:
        return
    found = store.list_documents_by_id(tx, recut_store.list_next_ids(tx, recut, BATCH))
    values = {"process_rule_id": recut.process_rule_id, "updated_at": rt.clock.now()}
    taken = [document for document in found if _can_be_cut(document)]
    for document in taken:
        restart_work(rt, tx, document, values)
    after = found[-1].number if found else recut.last
    is_over = len(found) < BATCH
    recut = replace(
        recut, after=after, walked=recut.walked + len(found), skipped=recut.skipped + len(found) - len(taken)
    )
    reached = {"after": recut.after, "walked": recut.walked, "skipped": recut.skipped}
    if is_over:
        recut_store.change_recut(tx, recut, {**reached, "state": WALKED, "ended_at": rt.clock.now()})
        return
    recut_store.change_recut(tx, recut, reached)
    _queue_walk(rt, tx, recut)


def fail_recut(rt: Runtime, tx: Connection, job: RecutDataset, message: str) -> None:
    """Note in the caller's transaction why the walk could not go on."""
    recut = recut_store.find_recut(tx, job.dataset_id) if dataset_store.hold_dataset(tx, job.dataset_id) else None
    if recut is not None and recut.id == job.recut_id:
        recut_store.change_recut(tx, recut, {"state": ERROR, "error": message, "ended_at": rt.clock.now()})


def _can_be_cut(document: Document) -> bool:
    """Tell whether a recut changes the document: archived ones are immutable, and what is paused is left to people."""
    is_paused = document.paused_at is not None and document.indexing_status not in FINISHED
    return not document.is_archived and not is_paused


def _status(recut: Recut, working: int) -> str:
    if recut.state == WALKED:
        return "running" if working else "completed"
    return "running" if recut.state == WALKING else recut.state


def _queue_walk(rt: Runtime, tx: Connection, recut: Recut) -> None:
    job = RecutDataset(dataset_id=recut.dataset_id, recut_id=recut.id)
    queue.enqueue(tx, rt.clock, job, subject=_subject(recut.dataset_id), dataset_id=recut.dataset_id)


def _subject(dataset_id: str) -> str:
    return f"recut:{dataset_id}"
