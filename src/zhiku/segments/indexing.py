"""The only writer of postings: embeds what changed, keeps the vectors, tells the index through the outbox."""

from collections.abc import Callable, Sequence

import numpy as np

from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import dataset_model
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents.picture_links import without_pictures
from zhiku.documents.store import Document
from zhiku.errors import ModelCallFailed, ProviderNotInitialize, Unavailable
from zhiku.indexes import outbox
from zhiku.indexes.base import Shard
from zhiku.providers.base import Embedder
from zhiku.providers.catalog import ModelName
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments.hook_store import Unembedded

Guard = Callable[[Connection], None]
"""Raises if the caller may not write any more; called in each transaction."""


def embed_document(rt: Runtime, dataset: Dataset, document: Document, guard: Guard) -> None:
    """Embed every text of the document's newest content that has no vector yet; each batch is kept at once.

    Texts embedded before, by any document, are not embedded again. Raises ModelCallFailed naming the provider, and
    what `guard` raises.
    """
    embedder = find_embedder(rt, dataset)
    if embedder is None:
        return
    key, size = embedder.key, embedder.batch_size

    def next_texts(conn: Connection) -> list[Unembedded]:
        return hook_store.list_unembedded(conn, document.number, document.generation, key, size)

    _embed_all(rt, embedder, next_texts, guard)


def embed_segments(rt: Runtime, dataset: Dataset, numbers: Sequence[int], guard: Guard) -> None:
    """Embed what these segments lack, as `embed_document` does."""
    embedder = find_embedder(rt, dataset)
    if embedder is None:
        return
    key, size = embedder.key, embedder.batch_size

    def next_texts(conn: Connection) -> list[Unembedded]:
        return hook_store.list_unembedded_of(conn, numbers, key, size)

    _embed_all(rt, embedder, next_texts, guard)


def hand_over(rt: Runtime, tx: Connection, dataset: Dataset, document: Document) -> None:
    """Note in the caller's transaction that the index must take the document's newest content.

    Raises ModelCallFailed if the dataset's index is made of another model's vectors, and Unavailable if the dataset was
    switched to other settings since the work began.
    """
    check_unswitched(tx, dataset)
    embedder = find_embedder(rt, dataset)
    if embedder is not None:
        fix_dimension(tx, dataset, embedder)
    change = outbox.PutDocument(document_id=document.id, generation=document.generation)
    outbox.append(tx, rt.clock, dataset.id, change)


def shard_of(dataset: Dataset) -> Shard:
    """Return the shard that answers for the dataset."""
    return Shard(
        dataset_id=dataset.id,
        generation=dataset.index_generation,
        dimension=dataset.index_dimension,
        average_length=dataset.mean_terms,
    )


def find_embedder(rt: Runtime, dataset: Dataset) -> Embedder | None:
    """Return the dataset's embedder; None for economy, which has no vectors. Raises ModelCallFailed if it is gone."""
    if dataset.indexing_technique != "high_quality":
        return None
    return get_embedder(rt, dataset_model(dataset), "Configure it again, then retry the document.")


def get_embedder(rt: Runtime, name: ModelName, advice: str) -> Embedder:
    """Return the embedder of this name. Raises ModelCallFailed, which ends with `advice`, if it is not served."""
    try:
        return rt.models.embedder(name)
    except ProviderNotInitialize as error:
        raise ModelCallFailed(
            f"The embedding model {name.model} of provider {name.provider} is not configured. {advice}"
        ) from error


def check_unswitched(tx: Connection, dataset: Dataset) -> None:
    """Raise Unavailable if the dataset's index is another one than when `dataset` was read; from then on it stays.

    What was made for the old one, its hooks and vectors, must not be written any more; a second try makes it anew.
    """
    dataset_store.hold_dataset(tx, dataset.id)
    current = dataset_store.find_dataset(tx, dataset.id)
    if current is None:
        return
    is_same_model = dataset.embedding_key is None or current.embedding_key == dataset.embedding_key
    if current.indexing_technique != dataset.indexing_technique or not is_same_model:
        raise Unavailable("The dataset has just been switched to another index. Try again.")


def fix_dimension(tx: Connection, dataset: Dataset, embedder: Embedder) -> None:
    """Remember whose vectors the dataset's index is made of.

    Raises ModelCallFailed if they were another's, Unavailable as `check_unswitched` does.
    """
    check_unswitched(tx, dataset)
    current = dataset_store.find_dataset(tx, dataset.id)
    if current is None or current.embedding_key == embedder.key:
        return
    if current.embedding_key is not None:
        raise ModelCallFailed(
            f"The dataset's index was made with {current.embedding_key}, and its provider now serves {embedder.key}. "
            "Set the former model again, or update the dataset with its embedding_model to have it embedded anew."
        )
    dataset_store.set_embedding(tx, dataset.id, embedder.key, embedder.dimension)


def _embed_all(
    rt: Runtime, embedder: Embedder, next_texts: Callable[[Connection], list[Unembedded]], guard: Guard
) -> None:
    is_last = False
    while not is_last:
        with rt.db.read() as conn:
            waiting = next_texts(conn)
        if not waiting:
            return
        is_last = len(waiting) < embedder.batch_size
        vectors = embed_texts(embedder, {text.content_hash: text.content for text in waiting})
        with rt.db.begin() as tx:
            guard(tx)
            hook_store.insert_embeddings(tx, embedder.key, vectors)


def embed_texts(embedder: Embedder, texts: dict[str, str]) -> dict[str, bytes]:
    """Return the vectors of texts by content hash, as the catalog keeps them. Raises ModelCallFailed."""
    vectors = embedder.embed_passages([without_pictures(text) for text in texts.values()])
    return {
        content_hash: np.ascontiguousarray(vector, dtype="<f4").tobytes()
        for content_hash, vector in zip(texts, vectors, strict=True)
    }
