"""Removes what is kept no longer: files and embeddings that nothing refers to, and versions beyond their number."""

from zhiku.datasets import store as dataset_store
from zhiku.documents import store as document_store
from zhiku.documents import version_store
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeBlobs, PurgeEmbeddings, PurgeVersions
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments import hook_store

# Embeddings deleted in one transaction, and versions looked for at once.
BATCH = 2000
VERSIONS = 100


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


class VersionPurge:
    """The handler of PurgeVersions jobs."""

    def run(self, rt: Runtime, context: JobContext, job: PurgeVersions) -> None:
        """Delete version by version, oldest first, each in a transaction with the work of removing its file."""
        while True:
            with rt.db.read() as conn:
                over = version_store.list_versions_over(conn, job.document_id, rt.settings.versions_kept, VERSIONS)
            for document_id, number in over:
                context.check()
                _delete_version(rt, context, document_id, number)
            if len(over) < VERSIONS:
                return

    def give_up(self, rt: Runtime, context: JobContext, job: PurgeVersions, message: str) -> None:
        """Leave the job failed, where an operator sees it."""


def _delete_version(rt: Runtime, context: JobContext, document_id: str, number: int) -> None:
    with rt.db.begin() as tx:
        context.checkpoint(tx, None)
        found = document_store.find_document_by_id(tx, document_id)
        if found is None or not dataset_store.hold_dataset(tx, found.dataset_id):
            return
        document = document_store.find_document_by_id(tx, document_id)
        # What is asked for now is not taken away, though it was too old a moment ago.
        if document is None or (document.restores_version == number and document.indexing_status != "completed"):
            return
        version_store.delete_version(tx, document.number, number)
        blob_keys = document_store.delete_older_uploads(tx, document)
        if blob_keys:
            queue.enqueue(tx, rt.clock, PurgeBlobs(keys=blob_keys), subject=f"purge:{document.id}")
