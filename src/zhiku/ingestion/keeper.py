"""Keeps every dataset's shard whole and quick: finds missing or damaged ones, builds anew, swaps in one step.

A build reads the catalog in a child process while the old shard goes on answering and being changed. The outbox rows
since it began are kept; they are applied to the new shard before the catalog names it as the one that answers.
"""

import queue
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from zhiku.datasets import store as dataset_store
from zhiku.datasets import switch_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.indexes import outbox
from zhiku.indexes.base import Index, IndexDamaged, Shard
from zhiku.indexes.rebuild import Build, BuildFailed, fill_shard, is_rebuild_due, start_build
from zhiku.indexes.store import count_live_postings, count_live_terms
from zhiku.ingestion.apply import Applier
from zhiku.ingestion.switch import basis_of, embed_rest
from zhiku.runtime import Runtime
from zhiku.segments.indexing import shard_of

# Postings that this process puts itself; more are built in a child, which takes about a second to start.
FILL_MAX = 1000
BUILD_SECONDS = 6 * 3600.0
POLL_SECONDS = 1.0
# A request that began before the swap may still look for the old shard when its query has been embedded.
GRACE_SECONDS = 60.0
RETRY_SECONDS = 30.0
# A dataset that is being filled is built when it rests, once and not again and again beside the work that fills it; one
# that does not rest, when it lies this many times as far behind.
REST_SECONDS = 2.0
PATIENCE = 3.0

log = structlog.get_logger(__name__)


class IndexKeeper:
    """Rebuilds shards in a thread of its own, one after the other."""

    def __init__(self, rt: Runtime, index: Index, applier: Applier, root: Path) -> None:
        self._rt = rt
        self._index = index
        self._applier = applier
        self._root = root
        self._due: queue.Queue[str] = queue.Queue()
        self._waiting: set[str] = set()
        # When the datasets that are due were last changed.
        self._changed: dict[str, float] = {}
        self._old: list[tuple[float, str, int]] = []
        self._stop = threading.Event()
        self._is_checked = threading.Event()

    def note_applied(self, dataset_id: str) -> None:
        """Rebuild the dataset's shard if enough of it has changed since it was built, as soon as it rests."""
        with self._rt.db.read() as conn:
            dataset = dataset_store.find_dataset(conn, dataset_id)
        if dataset is None:
            return
        state = self._index.state(shard_of(dataset))
        if is_rebuild_due(state, PATIENCE):
            self.request(dataset_id)
        elif is_rebuild_due(state):
            self._changed[dataset_id] = self._rt.clock.monotonic()

    def request(self, dataset_id: str) -> None:
        """Rebuild the dataset's shard when its turn comes; asking twice before that is the same as once."""
        if dataset_id not in self._waiting:
            self._waiting.add(dataset_id)
            self._due.put(dataset_id)

    def why_not_ready(self) -> str | None:
        """Return what keeps retrieval from being complete, or None."""
        if not self._is_checked.is_set():
            return "The search index is being checked. Try again in a moment."
        held = self._applier.list_damaged()
        return f"The search index of {len(held)} datasets is being rebuilt. Try again later." if held else None

    def run(self, stop: threading.Event) -> None:
        """Check every shard once, then rebuild what is asked for, until `stop` is set."""
        self._stop = stop
        self._check_all()
        self._is_checked.set()
        while not stop.is_set():
            self._drop_old()
            self._request_rested()
            try:
                dataset_id = self._due.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            self._waiting.discard(dataset_id)
            self._try_rebuild(dataset_id)

    def rebuild_due(self) -> int:
        """Rebuild what is asked for now, in the calling thread; return how many that were. For tests."""
        self._request_rested()
        count = 0
        while not self._due.empty():
            dataset_id = self._due.get()
            self._waiting.discard(dataset_id)
            with suppress(outbox.DatasetGone):
                self.rebuild(dataset_id)
            count += 1
        return count

    def rebuild(self, dataset_id: str) -> bool:
        """Build the dataset's shard anew and swap it in, with what the dataset is being switched to if that is ready.

        False if the dataset is gone, changed too much meanwhile, or the server stops. Raises DatasetGone, BuildFailed,
        StorageFull, Unavailable; the old shard then goes on answering.
        """
        began = self._applier.retain(dataset_id)
        try:
            with self._rt.db.read() as conn:
                dataset = dataset_store.find_dataset(conn, dataset_id)
                switch = switch_store.find_switch(conn, dataset_id)
            if dataset is None:
                return False
            if switch is not None and not switch.is_ready:
                switch = None
            # What came before `began` is in the build, what came later is replayed: both need their vectors first.
            if switch is not None and not embed_rest(self._rt, dataset, switch):
                return False
            shard = self._next_shard(dataset, switch)
            if not self._build(dataset, shard, switch):
                return False
            if not self._applier.swap(dataset, shard, began, switch):
                self._put_off(dataset_id, shard)
                return False
        finally:
            self._applier.release(dataset_id)
        # What came during the build is in it.
        self._changed.pop(dataset_id, None)
        self._old.append((self._rt.clock.monotonic(), dataset_id, dataset.index_generation))
        if switch is not None:
            log.info("index switched", dataset=dataset_id, technique=switch.technique, model=switch.embedding_model)
            self._rt.wakeups.jobs()
        log.info("shard rebuilt", dataset=dataset_id, generation=shard.generation)
        return True

    def _put_off(self, dataset_id: str, shard: Shard) -> None:
        """Remove a shard that came too late; ask for another one if the dataset's switch still waits for it."""
        self._index.drop_generation(dataset_id, shard.generation)
        with self._rt.db.read() as conn:
            switch = switch_store.find_switch(conn, dataset_id)
        if switch is not None and switch.is_ready:
            self.request(dataset_id)

    def _check_all(self) -> None:
        with self._rt.db.read() as conn:
            datasets = dataset_store.list_indexed(conn)
            switches = switch_store.list_all_switches(conn)
        for dataset in datasets:
            if self._stop.is_set():
                return
            for generation in self._index.list_generations(dataset.id):
                if generation != dataset.index_generation:
                    self._index.drop_generation(dataset.id, generation)
            if self._is_lost(dataset):
                self._applier.hold(dataset.id)
                self.request(dataset.id)
        for switch in switches:
            if switch.is_ready:
                self.request(switch.dataset_id)

    def _is_lost(self, dataset: Dataset) -> bool:
        """Tell whether the shard lacks postings; some damaged files load without an error, with fewer of them."""
        with self._rt.db.read() as conn:
            is_behind = bool(outbox.list_pending(conn, dataset.id, 0, 1))
            expected = count_live_postings(conn, dataset.id)
        try:
            held = self._index.state(shard_of(dataset)).postings
        except IndexDamaged as error:
            log.warning("shard damaged", dataset=dataset.id, error=str(error))
            return True
        return held == 0 < expected if is_behind else held < expected

    def _request_rested(self) -> None:
        now = self._rt.clock.monotonic()
        for dataset_id, changed in list(self._changed.items()):
            if now - changed > REST_SECONDS:
                del self._changed[dataset_id]
                self.request(dataset_id)

    def _try_rebuild(self, dataset_id: str) -> None:
        try:
            self.rebuild(dataset_id)
        except outbox.DatasetGone:
            return
        except Exception:
            # Whatever it was, the old shard still answers, and the next try may find the disk free again.
            log.exception("shard not rebuilt", dataset=dataset_id)
            self._stop.wait(RETRY_SECONDS)
            self.request(dataset_id)

    def _next_shard(self, dataset: Dataset, switch: IndexSwitch | None) -> Shard:
        generations = [dataset.index_generation, *self._index.list_generations(dataset.id)]
        shard = replace(shard_of(dataset), generation=max(generations) + 1)
        if switch is None:
            return shard
        with self._rt.db.read() as conn:
            postings, terms = count_live_terms(conn, dataset.id, basis_of(dataset, switch))
        mean_terms = terms / postings if postings else 1.0
        return replace(shard, dimension=switch.index_dimension or 0, average_length=mean_terms)

    def _build(self, dataset: Dataset, shard: Shard, switch: IndexSwitch | None) -> bool:
        basis = basis_of(dataset, switch)
        if dataset.posting_count <= FILL_MAX:
            fill_shard(self._rt.db, self._index, shard, basis)
            return True
        is_urgent = dataset.id in self._applier.list_damaged()
        build = start_build(self._rt.settings.database, self._root, shard, basis, is_urgent=is_urgent)
        try:
            return self._wait(build)
        finally:
            build.stop()

    def _wait(self, build: Build) -> bool:
        deadline = self._rt.clock.monotonic() + BUILD_SECONDS
        while build.is_running:
            if self._stop.wait(POLL_SECONDS):
                return False
            if self._rt.clock.monotonic() > deadline:
                raise BuildFailed(f"not done after {BUILD_SECONDS:.0f} s")
        report = build.wait(POLL_SECONDS)
        if report.without_vector:
            log.warning("postings without vector", dataset=build.shard.dataset_id, count=report.without_vector)
        return True

    def _drop_old(self) -> None:
        """Remove the generations that no request can be looking for any more."""
        now = self._rt.clock.monotonic()
        while self._old and now - self._old[0][0] > GRACE_SECONDS:
            _, dataset_id, generation = self._old.pop(0)
            self._index.drop_generation(dataset_id, generation)
