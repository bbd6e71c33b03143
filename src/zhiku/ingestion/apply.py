"""The one applier: outbox rows → index, in order, then `completed`; runs in the process that owns the index.

Everything here may be done twice: a row is deleted only after the index has acknowledged it, and after a crash it is
applied again.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import structlog

from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents.store import Document
from zhiku.indexes import outbox
from zhiku.indexes.base import Index, IndexDamaged, Posting, Shard
from zhiku.indexes.outbox import OutboxRow, PutDocument
from zhiku.indexes.packing import unpack_hashes, unpack_terms
from zhiku.indexes.store import IndexBasis, PostingRow
from zhiku.ingestion.complete import complete_documents, end_summaries
from zhiku.ingestion.switch import basis_of, embed_rest, let_answer
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments.indexing import shard_of

POLL_SECONDS = 0.5
# How long an edit waits for the index, and how long between two looks if nobody calls.
WAIT_SECONDS, LOOK_SECONDS = 10.0, 0.05
ROWS = 200
PAGE = 1024
# Postings a call while nobody asks, and while somebody does: a call holds the interpreter for ~60 us a posting, so the
# batch is what a query may have to wait for. Measured: docs/decisions/0003.
BATCH, POLITE_BATCH = 256, 8
POLITE_PAUSE_SECONDS = 0.002
# How often a swap is tried again because an edit came between its last embedding and its commit.
SWAP_TRIES = 5

log = structlog.get_logger(__name__)


def _ignore(_dataset_id: str) -> None:
    """Nobody wants to know."""


class Applier:
    """Brings the index up to the outbox; one thread runs it, and the keeper swaps shards under its lock.

    `on_applied` hears of a dataset whose shard has changed, `on_rebuild` of one whose shard must be built anew.
    """

    def __init__(
        self,
        rt: Runtime,
        index: Index,
        on_applied: Callable[[str], None] = _ignore,
        on_rebuild: Callable[[str], None] = _ignore,
    ) -> None:
        self._rt = rt
        self._index = index
        self._on_applied = on_applied
        self._on_rebuild = on_rebuild
        self._lock = threading.RLock()
        self._progress = threading.Condition()
        # Datasets whose rows a rebuild will want again, and those whose shard cannot take any.
        self._retained: set[str] = set()
        self._damaged: set[str] = set()

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Apply until `stop` is set, at once when `wake` is, else twice a second."""
        failures = 0
        while not stop.is_set():
            wake.clear()
            try:
                applied = self.apply_pending(stop)
                failures = 0
            except Exception:
                # The rows stay and are tried again: a full disk or a lost database must not end the only applier.
                failures += 1
                log.exception("outbox not applied", failures=failures)
                applied = 0
            if applied == 0:
                wake.wait(min(POLL_SECONDS * 2**failures, 30.0) if failures else POLL_SECONDS)

    def apply_pending(self, stop: threading.Event | None = None) -> int:
        """Apply what is pending now, dataset by dataset; return how many rows that were."""
        with self._rt.db.read() as conn:
            dataset_ids = outbox.list_datasets_with_pending(conn)
        applied = 0
        for dataset_id in dataset_ids:
            if stop is not None and stop.is_set():
                break
            with self._lock:
                applied += self._try_apply(dataset_id)
        return applied

    def wait_applied(self, dataset_id: str, sequence: int) -> bool:
        """Wait until the shard has the row of this number, so that its writer finds it; False if it takes long."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with self._rt.db.read() as conn:
                pending = outbox.list_pending(conn, dataset_id, 0, 1)
            if not pending or pending[0].sequence > sequence:
                return True
            with self._progress:
                self._progress.wait(LOOK_SECONDS)
        return False

    def retain(self, dataset_id: str) -> int:
        """Keep the dataset's outbox rows from now on; return the number of the last one the shard has.

        Raises DatasetGone.
        """
        with self._lock, self._rt.db.read() as conn:
            pending = outbox.list_pending(conn, dataset_id, 0, 1)
            last = pending[0].sequence - 1 if pending else outbox.get_sequence(conn, dataset_id)
            self._retained.add(dataset_id)
            return last

    def release(self, dataset_id: str) -> None:
        """Keep the dataset's rows no longer."""
        with self._lock:
            self._retained.discard(dataset_id)
            with self._rt.db.begin() as tx:
                outbox.delete_marked(tx, dataset_id)

    def swap(self, dataset: Dataset, shard: Shard, began: int, switch: IndexSwitch | None) -> bool:
        """Bring `shard` up to what the serving one has had since row `began`, then let it answer.

        With `switch`, the dataset gets the technique and model of that too. False, and the old one goes on answering,
        if the dataset was changed or deleted since `dataset` was read, or the switch lacks embeddings.
        """
        basis, after = basis_of(dataset, switch), began
        with self._lock:
            for _ in range(SWAP_TRIES):
                if switch is not None and not embed_rest(self._rt, dataset, switch):
                    return False
                after = self._replay_since(dataset.id, shard, basis, after)
                with self._rt.db.begin() as tx:
                    is_done = let_answer(self._rt, tx, dataset, shard, switch)
                if is_done:
                    self._damaged.discard(dataset.id)
                    return True
            return False

    def hold(self, dataset_id: str) -> None:
        """Apply nothing to a damaged shard; its rows wait for the rebuilt one."""
        with self._lock:
            self._damaged.add(dataset_id)

    def list_damaged(self) -> list[str]:
        """Return the datasets whose shard is being built anew because it was lost or damaged."""
        return sorted(self._damaged)

    def _try_apply(self, dataset_id: str) -> int:
        if dataset_id in self._damaged:
            return 0
        try:
            applied = self._apply_dataset(dataset_id)
        except IndexDamaged as error:
            log.warning("shard damaged", dataset=dataset_id, error=str(error))
            self._damaged.add(dataset_id)
            self._on_rebuild(dataset_id)
            return 0
        with self._progress:
            self._progress.notify_all()
        self._on_applied(dataset_id)
        return applied

    def _list_applied(self, dataset_id: str, after: int) -> list[OutboxRow]:
        """Return the next rows behind `after` that the serving shard has had."""
        with self._rt.db.read() as conn:
            pending = outbox.list_pending(conn, dataset_id, after, 1)
            rows = outbox.list_since(conn, dataset_id, after, ROWS)
        return [row for row in rows if not pending or row.sequence < pending[0].sequence]

    def _replay_since(self, dataset_id: str, shard: Shard, basis: IndexBasis, after: int) -> int:
        """Replay what the serving shard has had since row `after`; return the last row's number."""
        while rows := self._list_applied(dataset_id, after):
            for row in rows:
                self._replay(shard, basis, row.change)
            after = rows[-1].sequence
        return after

    def _replay(self, shard: Shard, basis: IndexBasis, change: outbox.Change) -> None:
        """Do to the new shard what was done to the old one; what has changed since is in a later row."""
        if not isinstance(change, PutDocument):
            self._edit(shard, basis, change)
            return
        with self._rt.db.read() as conn:
            document = document_store.find_document_by_id(conn, change.document_id)
        if document is None or document.live_generation != change.generation:
            return
        after = 0
        while True:
            with self._rt.db.read() as conn:
                page = hook_store.list_live_postings(conn, document.number, change.generation, basis, after, PAGE)
            self._put(shard, [make_posting(row) for row in page])
            if len(page) < PAGE:
                return
            after = page[-1].number

    def _apply_dataset(self, dataset_id: str) -> int:
        with self._rt.db.read() as conn:
            rows = outbox.list_pending(conn, dataset_id, 0, ROWS)
            dataset = dataset_store.find_dataset(conn, dataset_id)
        for is_put, run in groupby(rows, key=lambda row: isinstance(row.change, PutDocument)):
            group = list(run)
            if dataset is not None and is_put:
                self._put_documents(dataset, group)
            else:
                self._change(dataset_id, dataset, group)
        return len(rows)

    def _put_documents(self, dataset: Dataset, rows: Sequence[OutboxRow]) -> None:
        changes = [row.change for row in rows if isinstance(row.change, PutDocument)]
        with self._rt.db.read() as conn:
            generation_of = {change.document_id: change.generation for change in changes}
            found = document_store.list_documents_by_id(conn, list(generation_of))
        current = [document for document in found if document.generation == generation_of[document.id]]
        shard = shard_of(dataset)
        incomplete: set[int] = set()
        for page in self._pages(dataset, current):
            incomplete |= {row.document_number for row in page if dataset.index_dimension and row.vector is None}
            whole = [row for row in page if row.document_number not in incomplete]
            shard = replace(shard, average_length=_mean_length(dataset, whole))
            self._put(shard, [make_posting(row) for row in whole])
        with self._rt.db.begin() as tx:
            complete_documents(self._rt, tx, dataset.id, current, incomplete)
            self._end_rows(tx, dataset.id, rows[-1].sequence)
        self._rt.wakeups.jobs()

    def _pages(self, dataset: Dataset, documents: Sequence[Document]) -> Iterator[list[PostingRow]]:
        staged = [(document.number, document.generation) for document in documents]
        after = 0
        while staged:
            with self._rt.db.read() as conn:
                page = hook_store.list_staged_postings(conn, staged, basis_of(dataset), after, PAGE)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].number

    def _put(self, shard: Shard, postings: Sequence[Posting]) -> None:
        offset = 0
        while offset < len(postings):
            is_polite = self._rt.activity.is_recent()
            size = POLITE_BATCH if is_polite else BATCH
            self._index.put(shard, postings[offset : offset + size])
            offset += size
            if is_polite:
                time.sleep(POLITE_PAUSE_SECONDS)

    def _change(self, dataset_id: str, dataset: Dataset | None, rows: Iterable[OutboxRow]) -> None:
        last = 0
        ended: list[outbox.EndSummaries] = []
        for row in rows:
            last = row.sequence
            if isinstance(row.change, outbox.EndSummaries):
                ended.append(row.change)
            elif isinstance(row.change, outbox.DropIndex):
                self._index.drop(dataset_id)
            elif isinstance(row.change, outbox.RebuildShard):
                self._on_rebuild(dataset_id)
            elif dataset is not None:
                self._edit(shard_of(dataset), basis_of(dataset), row.change)
        with self._rt.db.begin() as tx:
            end_summaries(tx, dataset_id, ended)
            self._end_rows(tx, dataset_id, last)

    def _edit(self, shard: Shard, basis: IndexBasis, change: outbox.Change) -> None:
        if isinstance(change, outbox.PutSegments):
            with self._rt.db.read() as conn:
                rows = hook_store.list_segment_postings(conn, change.numbers, basis)
                known = hook_store.list_hook_numbers(conn, change.numbers)
            self._index.delete(shard, sorted(set(known) - {row.number for row in rows}))
            self._put(shard, [make_posting(row) for row in rows])
        elif isinstance(change, outbox.DeletePostings):
            self._index.delete(shard, change.numbers)
        elif isinstance(change, outbox.DeleteDocument):
            self._index.delete_documents(shard, [change.document_number])

    def _end_rows(self, tx: Connection, dataset_id: str, up_to: int) -> None:
        """Forget rows that the serving shard has, unless a rebuild will want them again."""
        if dataset_id in self._retained:
            outbox.mark_applied(tx, dataset_id, up_to)
        else:
            outbox.delete_applied(tx, dataset_id, up_to)


def make_posting(row: PostingRow) -> Posting:
    """Return what the index is given of a segment."""
    return Posting(
        number=row.number,
        document=row.document_number,
        terms=unpack_terms(row.terms),
        keywords=unpack_hashes(row.keyword_hashes),
        vector=None if row.vector is None else np.frombuffer(row.vector, dtype="<f4"),
    )


def _mean_length(dataset: Dataset, rows: Sequence[PostingRow]) -> float:
    """Return the dataset's mean words a posting with `rows` among them."""
    postings = dataset.posting_count + len(rows)
    return (dataset.term_count + sum(row.term_count for row in rows)) / postings if postings else 1.0
