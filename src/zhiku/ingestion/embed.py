"""Finishes what a request left: the embeddings of segments whose model took too long (contract 4.12)."""

from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Connection
from zhiku.indexes import outbox
from zhiku.jobs.kinds import EmbedSegments
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments import hook_store, indexing
from zhiku.segments import store as segment_store


class SegmentEmbedding:
    """The handler of EmbedSegments jobs."""

    def run(self, rt: Runtime, context: JobContext, job: EmbedSegments) -> None:
        """Embed what the segments lack, then let them answer. Raises ModelCallFailed."""
        with rt.db.read() as conn:
            dataset = dataset_store.find_dataset(conn, job.dataset_id)
        if dataset is None:
            return

        def guard(tx: Connection) -> None:
            context.check()
            context.checkpoint(tx, None)

        indexing.embed_segments(rt, dataset, job.numbers, guard)
        embedder = indexing.find_embedder(rt, dataset)
        with rt.db.begin() as tx:
            dataset_store.hold_dataset(tx, dataset.id)
            if embedder is not None:
                indexing.fix_dimension(tx, dataset, embedder)
            waiting = segment_store.mark_embedded(tx, job.numbers, rt.clock.now())
            counts = hook_store.count_segment_hooks(tx, waiting)
            dataset_store.add_posting_counts(tx, dataset.id, counts.postings, counts.terms)
            outbox.append(tx, rt.clock, dataset.id, outbox.PutSegments(numbers=job.numbers))
            context.finish(tx)
        rt.wakeups.outbox()

    def give_up(self, rt: Runtime, context: JobContext, job: EmbedSegments, message: str) -> None:
        """Show the failure on the segments."""
        with rt.db.begin() as tx:
            segment_store.mark_failed(tx, job.numbers, message, rt.clock.now())
            context.finish(tx)
