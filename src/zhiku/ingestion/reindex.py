"""What a worker does for a dataset's switch: embed all texts with the new model, or show keywords (contract 3.2-4)."""

import msgspec
import structlog

from zhiku.datasets import store as dataset_store
from zhiku.datasets import switch_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.datasets.updates import queue_reindexing, switch_model
from zhiku.indexes import outbox
from zhiku.indexes.store import IndexBasis
from zhiku.ingestion.switch import has_own_hooks
from zhiku.jobs.kinds import ExtractKeywords, ReindexDataset
from zhiku.jobs.worker import JobContext
from zhiku.providers.base import Embedder
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments import store as segment_store
from zhiku.segments.indexing import embed_texts, get_embedder
from zhiku.segments.measure import measure

# After this long other datasets' jobs get their turn.
SLICE_SECONDS = 20.0
KEYWORD_BATCH = 500
ADVICE = "Configure it, then update the dataset with it again."

log = structlog.get_logger(__name__)


class Reindexing:
    """The handler of ReindexDataset jobs."""

    def run(self, rt: Runtime, context: JobContext, job: ReindexDataset) -> None:
        """Embed until nothing is left, then ask for the new index; after a slice of time the rest becomes a new job.

        Each batch is kept at once and a checkpoint. Ends quietly if the dataset or its switch is another one now.
        Raises ModelCallFailed.
        """
        with rt.db.read() as conn:
            dataset = dataset_store.find_dataset(conn, job.dataset_id)
            switch = switch_store.find_switch(conn, job.dataset_id)
        if dataset is None or switch is None or switch.id != job.switch_id or not switch.is_under_way:
            return
        embedder = get_embedder(rt, switch_model(switch), ADVICE)
        after = context.checkpoint_data["after"] if context.checkpoint_data else job.after
        left = _embed(rt, context, dataset, switch, embedder, after)
        dimension = embedder.dimension if left is None else 0
        with rt.db.begin() as tx:
            if left is not None:
                queue_reindexing(rt, tx, switch, left)
            elif switch_store.mark_ready(tx, switch, dimension, embedder.key):
                outbox.append(tx, rt.clock, dataset.id, outbox.RebuildShard())
            context.finish(tx)
        rt.wakeups.outbox()

    def give_up(self, rt: Runtime, context: JobContext, job: ReindexDataset, message: str) -> None:
        """Leave the dataset as it is, with the reason on its switch, and the job failed, where an operator sees it."""
        with rt.db.begin() as tx:
            context.checkpoint(tx, context.checkpoint_data)
            switch = switch_store.find_switch(tx, job.dataset_id)
            if switch is not None and switch.id == job.switch_id:
                switch_store.mark_given_up(tx, switch, message)
        log.warning("index switch given up", dataset=job.dataset_id, error=message)


class KeywordExtraction:
    """The handler of ExtractKeywords jobs."""

    def run(self, rt: Runtime, context: JobContext, job: ExtractKeywords) -> None:
        """Show keywords on every segment that shows none, in batches that are checkpoints."""
        after = context.checkpoint_data["after"] if context.checkpoint_data else 0
        while True:
            context.check()
            with rt.db.read() as conn:
                dataset = dataset_store.find_dataset(conn, job.dataset_id)
                found = segment_store.list_without_keywords(conn, job.dataset_id, after, KEYWORD_BATCH)
            if not found or dataset is None or dataset.indexing_technique != "economy":
                return
            measured = measure([content for _, content in found])
            keywords = {
                number: msgspec.json.encode(known.keywords).decode()
                for (number, _), known in zip(found, measured, strict=True)
            }
            after = found[-1][0]
            with rt.db.begin() as tx:
                context.checkpoint(tx, {"after": after})
                segment_store.set_keywords(tx, keywords)

    def give_up(self, rt: Runtime, context: JobContext, job: ExtractKeywords, message: str) -> None:
        """Leave the job failed, where an operator sees it; the index has the keywords all the same."""


def _embed(
    rt: Runtime, context: JobContext, dataset: Dataset, switch: IndexSwitch, embedder: Embedder, after: int
) -> int | None:
    """Embed what lies behind posting number `after`; return where the next slice begins, None if nothing is left.

    The end is looked for from the beginning again, because what was edited meanwhile keeps its number.
    """
    basis = IndexBasis(embedder.key, has_own_hooks(dataset, switch))
    deadline = rt.clock.monotonic() + SLICE_SECONDS
    while True:
        context.check()
        with rt.db.read() as conn:
            texts = hook_store.list_unembedded_in(conn, dataset.id, basis, after, embedder.batch_size)
        if not texts and after == 0:
            return None
        after = texts[-1].number if texts else 0
        if texts:
            vectors = embed_texts(embedder, {text.content_hash: text.content for text in texts})
            with rt.db.begin() as tx:
                context.checkpoint(tx, {"after": after})
                hook_store.insert_embeddings(tx, embedder.key, vectors)
        if rt.clock.monotonic() > deadline:
            return after
