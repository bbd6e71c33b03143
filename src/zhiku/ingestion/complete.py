"""What happens in the catalog when the index holds a document's newest content: it answers, the older one goes."""

from collections.abc import Sequence

from zhiku.datasets import store as dataset_store
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents import work_store
from zhiku.documents.store import Document
from zhiku.documents.versions import keep_version
from zhiku.documents.work import queue_summaries, queue_work
from zhiku.indexes import outbox
from zhiku.ingestion import store
from zhiku.ingestion.restore import release_live, restore_states
from zhiku.jobs import queue
from zhiku.jobs.kinds import PurgeBlobs, PurgeEmbeddings
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments import store as segment_store


def complete_documents(
    rt: Runtime, tx: Connection, dataset_id: str, documents: Sequence[Document], incomplete: set[int]
) -> None:
    """Let the generations that the index has just taken answer, in the caller's transaction.

    Documents that were changed or deleted meanwhile are left alone: a later outbox row speaks for them. Those whose
    number is in `incomplete` lack embeddings and are sent back to be embedded.
    """
    # Before any row of its documents, as every change of them does: two that wait for each other would never end.
    dataset_store.hold_dataset(tx, dataset_id)
    unchanged = document_store.list_unchanged(tx, documents)
    added_postings = added_terms = 0
    for document in unchanged:
        if document.number in incomplete:
            queue_work(rt, tx, document)
            continue
        postings, terms = _complete(rt, tx, document)
        added_postings += postings
        added_terms += terms
    dataset_store.add_posting_counts(tx, dataset_id, added_postings, added_terms)


def end_summaries(tx: Connection, dataset_id: str, changes: Sequence[outbox.EndSummaries]) -> None:
    """Show that documents wait for summaries no longer, now that the index has the last of them."""
    if changes:
        dataset_store.hold_dataset(tx, dataset_id)
    for change in changes:
        work_store.end_summaries(tx, change.document_id, change.generation)


def _complete(rt: Runtime, tx: Connection, document: Document) -> tuple[int, int]:
    """Complete one document; return by how many postings and words its share of the index grew."""
    now = rt.clock.now()
    is_first = document.live_generation == 0
    before = work_store.sum_live_terms(tx, document.number, document.live_generation)
    if is_first:
        segment_store.complete_generation(tx, document.number, document.generation, now)
    else:
        _replace_live(rt, tx, document)
    counts = segment_store.sum_generation(tx, document.number, document.generation)
    values = {**counts, "completed_at": now, "version": document.version + (not is_first)}
    store.delete_older_answers(tx, document.number, document.generation)
    if document.is_summary_needed:
        # What the summaries of older content have left behind goes; those to come are told of anew.
        values |= {"is_summarizing": True, "warning": None}
        queue_summaries(rt, tx, document, document.generation)
    work_store.mark_completed(tx, document.number, document.generation, values)
    after = work_store.sum_live_terms(tx, document.number, document.generation)
    return after[0] - before[0], after[1] - before[1]


def _replace_live(rt: Runtime, tx: Connection, document: Document) -> None:
    """Keep what has answered as a version, and let the new content answer in its place."""
    now = rt.clock.now()
    keep_version(rt, tx, document)
    is_restored = document.restores_version is not None
    changed = release_live(tx, document) if is_restored else set[int]()
    gone = hook_store.list_outgoing_numbers(tx, document.number, document.generation)
    segment_store.replace_generation(tx, document.number, document.generation)
    segment_store.complete_generation(tx, document.number, document.generation, now)
    if gone:
        outbox.append(tx, rt.clock, document.dataset_id, outbox.DeletePostings(numbers=gone))
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
    if is_restored:
        restore_states(rt, tx, document, changed)
    blob_keys = document_store.delete_older_uploads(tx, document)
    if blob_keys:
        queue.enqueue(tx, rt.clock, PurgeBlobs(keys=blob_keys), subject=f"purge:{document.id}")
