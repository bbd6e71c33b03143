"""Removes what nothing in the catalog refers to any more: files and embeddings."""

from zhiku.jobs.kinds import PurgeBlobs, PurgeEmbeddings
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments import hook_store

# Embeddings deleted in one transaction.
BATCH = 2000


class BlobPurge:
    """The handler of PurgeBlobs jobs."""

    def run(self, rt: Runtime, context: JobContext, job: PurgeBlobs) -> None:
        """Delete the files; those that are gone already are no matter."""
        for key in job.keys:
            for blob_key in list(rt.blobs.list_keys(key)) if key.endswith("/") else [key]:
                context.check()
                rt.blobs.delete(blob_key)

    def give_up(self, rt: Runtime, context: JobContext, job: PurgeBlobs, message: str) -> None:
        """Leave the job failed, where an operator sees it."""


class EmbeddingPurge:
    """The handler of PurgeEmbeddings jobs."""

    def run(self, rt: Runtime, context: JobContext, job: PurgeEmbeddings) -> None:
        """Delete in batches, so that other writers get in between."""
        is_last = False
        while not is_last:
            context.check()
            with rt.db.read() as conn:
                unused = hook_store.list_unused_embeddings(conn, BATCH)
            is_last = len(unused) < BATCH
            with rt.db.begin() as tx:
                context.checkpoint(tx, None)
                hook_store.delete_unused_embeddings(tx, unused)

    def give_up(self, rt: Runtime, context: JobContext, job: PurgeEmbeddings, message: str) -> None:
        """Leave the job failed, where an operator sees it."""
