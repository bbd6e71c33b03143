"""How an index that was built for other settings takes the place of the one that answers (ADR-0009)."""

from typing import Any

import structlog

from zhiku.datasets import store as dataset_store
from zhiku.datasets import switch_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
from zhiku.datasets.updates import queue_reindexing, switch_model
from zhiku.db.engine import Connection
from zhiku.errors import ModelCallFailed
from zhiku.indexes.base import Shard
from zhiku.indexes.store import IndexBasis, count_live_terms
from zhiku.jobs import queue
from zhiku.jobs.kinds import ExtractKeywords, PurgeEmbeddings
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments import store as segment_store
from zhiku.segments.hook_store import Unembedded
from zhiku.segments.indexing import embed_texts, get_embedder

# Texts that the serving process embeds itself before a swap, so that a few edits do not send the job round once more.
LAST_TEXTS = 64

log = structlog.get_logger(__name__)


def basis_of(dataset: Dataset, switch: IndexSwitch | None = None) -> IndexBasis:
    """Return what the dataset's index is made of, or is to be made of at the end of its switch."""
    if switch is None:
        return IndexBasis(dataset.embedding_key)
    return IndexBasis(switch.embedding_key, has_own_hooks(dataset, switch))


def has_own_hooks(dataset: Dataset, switch: IndexSwitch) -> bool:
    """Tell whether segments will be found by their own text; in high_quality, child chunks stand for their parents."""
    return switch.technique == "economy" or dataset.doc_form != "hierarchical_model"


def embed_rest(rt: Runtime, dataset: Dataset, switch: IndexSwitch) -> bool:
    """Embed the texts that came since the switch's job was done; False if that is its work once more.

    It is where there are many, or the model fails, which the job has the patience for.
    """
    if switch.embedding_key is None:
        return True
    with rt.db.read() as conn:
        texts = hook_store.list_unembedded_in(conn, dataset.id, basis_of(dataset, switch), 0, LAST_TEXTS + 1)
    if not texts:
        return True
    if len(texts) <= LAST_TEXTS and _try_embed(rt, switch, texts):
        return True
    with rt.db.begin() as tx:
        if switch_store.mark_unready(tx, switch):
            queue_reindexing(rt, tx, switch)
    rt.wakeups.jobs()
    return False


def let_answer(rt: Runtime, tx: Connection, dataset: Dataset, shard: Shard, switch: IndexSwitch | None) -> bool:
    """Let `shard` answer for the dataset from the commit on, with the settings of its switch if there is one.

    False, and nothing is changed, if the dataset was changed or deleted since `dataset` was read, or an edit since the
    last embedding has brought a text without a vector.
    """
    if not dataset_store.hold_dataset(tx, dataset.id):
        return False
    values: dict[str, Any] = {"index_generation": shard.generation}
    if switch is not None:
        current = dataset_store.find_dataset(tx, dataset.id)
        wanted = switch_store.find_switch(tx, dataset.id)
        if current is None or current.doc_form != dataset.doc_form or not _is_whole(tx, dataset, switch, wanted):
            return False
        values |= _switched(tx, dataset, wanted or switch)
    if not dataset_store.swap_index(tx, dataset, values):
        return False
    if switch is not None:
        switch_store.delete_switch(tx, dataset.id)
        queue.enqueue(tx, rt.clock, PurgeEmbeddings(), subject="purge:embeddings")
        if switch.technique == "economy":
            job = ExtractKeywords(dataset_id=dataset.id)
            queue.enqueue(tx, rt.clock, job, subject=f"keywords:{dataset.id}", dataset_id=dataset.id)
    return True


def _is_whole(tx: Connection, dataset: Dataset, switch: IndexSwitch, wanted: IndexSwitch | None) -> bool:
    """Tell whether `switch` is still what is wanted, and every text has its vector."""
    if wanted is None or wanted.id != switch.id or wanted.embedding_key != switch.embedding_key or not wanted.is_ready:
        return False
    if switch.embedding_key is None:
        return True
    return not hook_store.list_unembedded_in(tx, dataset.id, basis_of(dataset, switch), 0, 1)


def _switched(tx: Connection, dataset: Dataset, switch: IndexSwitch) -> dict[str, Any]:
    """Return the dataset's columns as the switch leaves them; its segments' hooks are set here."""
    values: dict[str, Any] = {
        "indexing_technique": switch.technique,
        "embedding_model": switch.embedding_model,
        "embedding_model_provider": switch.embedding_model_provider,
        "index_dimension": switch.index_dimension,
        "embedding_key": switch.embedding_key,
    }
    if dataset.doc_form != "hierarchical_model" or dataset.indexing_technique == switch.technique:
        return values
    segment_store.set_hooks(tx, dataset.id, has_own_hooks(dataset, switch))
    postings, terms = count_live_terms(tx, dataset.id)
    return {**values, "posting_count": postings, "term_count": terms}


def _try_embed(rt: Runtime, switch: IndexSwitch, texts: list[Unembedded]) -> bool:
    try:
        embedder = get_embedder(rt, switch_model(switch), "Configure it again.")
        if embedder.key != switch.embedding_key:
            return False
        contents = {text.content_hash: text.content for text in texts}
        hashes = list(contents)
        vectors: dict[str, bytes] = {}
        for start in range(0, len(hashes), embedder.batch_size):
            batch = {
                content_hash: contents[content_hash] for content_hash in hashes[start : start + embedder.batch_size]
            }
            vectors |= embed_texts(embedder, batch)
    except ModelCallFailed as error:
        log.warning("index switch waits for its model", dataset=switch.dataset_id, error=str(error))
        return False
    with rt.db.begin() as tx:
        hook_store.insert_embeddings(tx, embedder.key, vectors)
    return True
