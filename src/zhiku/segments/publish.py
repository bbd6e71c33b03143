"""How an edit over the API reaches the index: embedded in the request, found before the reply (contract 4.12)."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from time import monotonic

from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.errors import NotFound
from zhiku.indexes import outbox
from zhiku.jobs import queue
from zhiku.jobs.kinds import EmbedSegments
from zhiku.providers.base import Embedder
from zhiku.runtime import Runtime
from zhiku.segments import hook_store
from zhiku.segments.indexing import check_unswitched, embed_texts, find_embedder, fix_dimension

# A model that takes longer goes on in a job; the truth is stored and the reply says `indexing`.
MODEL_SECONDS = 10.0

_threads = ThreadPoolExecutor(4, thread_name_prefix="zhiku-edit")


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of an edit's texts, by content hash; `is_late` if the model took too long for some of them."""

    embedder: Embedder | None
    vectors: dict[str, bytes] = field(default_factory=dict[str, bytes])
    is_late: bool = False


def embed_now(rt: Runtime, dataset: Dataset, texts: dict[str, str]) -> Embedded:
    """Return the vectors of texts, content by content hash; empty for economy.

    Those that the catalog has come too: until the edit is committed, the last other text like it may go, and with it
    the vector. Raises ModelCallFailed naming the provider.
    """
    embedder = find_embedder(rt, dataset)
    if embedder is None:
        return Embedded(None)
    with rt.db.read() as conn:
        vectors = hook_store.list_known_vectors(conn, embedder.key, texts)
    missing = [(key, text) for key, text in texts.items() if key not in vectors]
    deadline = monotonic() + MODEL_SECONDS
    for start in range(0, len(missing), embedder.batch_size):
        batch = dict(missing[start : start + embedder.batch_size])
        call: Future[dict[str, bytes]] = _threads.submit(embed_texts, embedder, batch)
        try:
            vectors |= call.result(timeout=max(0.0, deadline - monotonic()))
        except LateError:
            call.cancel()
            return Embedded(embedder, vectors, is_late=True)
    return Embedded(embedder, vectors)


def keep_vectors(tx: Connection, dataset: Dataset, embedded: Embedded) -> None:
    """Write an edit's vectors in its transaction.

    Raises ModelCallFailed if the dataset has another model's, Unavailable if its index was switched meanwhile.
    """
    check_unswitched(tx, dataset)
    if embedded.embedder is not None:
        fix_dimension(tx, dataset, embedded.embedder)
        hook_store.insert_embeddings(tx, embedded.embedder.key, embedded.vectors)


def put_later(rt: Runtime, tx: Connection, dataset_id: str, numbers: Sequence[int]) -> None:
    """Queue the embedding of segments whose model took too long."""
    job = EmbedSegments(dataset_id=dataset_id, numbers=list(numbers))
    queue.enqueue(tx, rt.clock, job, subject=f"segment:{numbers[0]}", dataset_id=dataset_id, priority=-1)


def commit_edit(rt: Runtime, dataset_id: str, write: Callable[[Connection], outbox.Change | None]) -> None:
    """Run `write` in a transaction with its outbox row, and wait until the index has it.

    Raises NotFound if the dataset is gone.
    """
    sequence = None
    try:
        with rt.db.begin() as tx:
            change = write(tx)
            if change is not None:
                sequence = outbox.append(tx, rt.clock, dataset_id, change)
    except outbox.DatasetGone as error:
        raise NotFound("Dataset not found.") from error
    rt.wakeups.jobs()
    if sequence is not None:
        rt.wakeups.outbox()
        rt.wakeups.applied(dataset_id, sequence)
