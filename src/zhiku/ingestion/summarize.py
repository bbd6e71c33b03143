"""What a worker does for summaries: writes those that segments lack and hands them to the index (contract 4.10)."""

import re
from dataclasses import asdict
from typing import Any

from zhiku.datasets import store as dataset_store
from zhiku.datasets.service import summary_setting
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection
from zhiku.documents import store as document_store
from zhiku.documents import work_store
from zhiku.documents.picture_links import without_pictures
from zhiku.documents.store import Document
from zhiku.indexes import outbox
from zhiku.ingestion.ask import Tally, Writer, make_writer
from zhiku.jobs.kinds import SummarizeDocument
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments import hook_store, indexing, summary_store
from zhiku.segments.make import make_summaries
from zhiku.segments.service import recounted
from zhiku.segments.summary_store import NewSummary, Unsummarized

SUMMARY_CHARS = 200

DEFAULT_PROMPT = (
    "Summarise the text that the user sends in one to three sentences. Keep names, numbers and terms that somebody "
    "would search for. Answer with the summary alone."
)
LANGUAGE = "\n\nWrite in this language: {language}."

_SENTENCE = re.compile(r"[^。！？!?；;\n.]*(?:[。！？!?；;\n]+|\.+(?=\s|$)|\.|$)")


class Summarization:
    """The handler of SummarizeDocument jobs."""

    def run(self, rt: Runtime, context: JobContext, job: SummarizeDocument) -> None:
        """Give every segment that lacks one a summary, in batches that are checkpoints; each can be found at once.

        Ends quietly if newer content answers or the document is gone. Raises ModelCallFailed if the embedding fails.
        """
        with rt.db.read() as conn:
            document = document_store.find_document_by_id(conn, job.document_id)
            dataset = dataset_store.find_dataset(conn, document.dataset_id) if document else None
        if document is None or dataset is None or document.live_generation != job.generation:
            return
        done: dict[str, Any] = context.checkpoint_data or {"after": 0, "tally": {}}
        writer = _make_writer(rt, dataset, document, Tally(**done["tally"]))
        after: int | None = done["after"]
        while after is not None:
            after = _write_batch(rt, context, (dataset, document), writer, after)
        with rt.db.begin() as tx:
            _end(rt, tx, document, job.generation, _warning(writer.tally))
            context.finish(tx)
        rt.wakeups.outbox()

    def give_up(self, rt: Runtime, context: JobContext, job: SummarizeDocument, message: str) -> None:
        """Tell on the document that it answers without some of its summaries."""
        with rt.db.begin() as tx:
            document = document_store.find_document_by_id(tx, job.document_id)
            if document is not None and dataset_store.hold_dataset(tx, document.dataset_id):
                work_store.end_summaries(tx, job.document_id, job.generation)
                work_store.warn(tx, job.document_id, job.generation, f"Some summaries are missing: {message}")
            context.finish(tx)


def first_sentences(text: str) -> str:
    """Return the leading sentences of a text, as many as 200 characters hold; the beginning of a longer first one."""
    text = text.strip()
    end = 0
    for sentence in _SENTENCE.finditer(text):
        if len(text[: sentence.end()].rstrip()) > SUMMARY_CHARS:
            break
        end = sentence.end()
    return text[: end or SUMMARY_CHARS].strip()


def _make_writer(rt: Runtime, dataset: Dataset, document: Document, tally: Tally) -> Writer:
    setting = summary_setting(dataset)
    prompt = (setting.summary_prompt if setting else None) or DEFAULT_PROMPT
    name = (setting.model_provider_name, setting.model_name) if setting else (None, None)
    return make_writer(rt, name, prompt + LANGUAGE.format(language=document.doc_language), tally)


def _write_batch(
    rt: Runtime, context: JobContext, of: tuple[Dataset, Document], writer: Writer, after: int
) -> int | None:
    """Summarise the next segments behind number `after`; return the last one's number, None if that is all.

    A dataset that has become an economy one needs no more of them.
    """
    dataset, document = of
    context.check()
    embedder = indexing.find_embedder(rt, dataset)
    with rt.db.read() as conn:
        size = writer.batch_size
        waiting = summary_store.list_unsummarized(conn, document.number, document.live_generation, after, size)
    if not waiting or embedder is None:
        return None
    texts = [without_pictures(segment.content) for segment in waiting]
    said = writer.answer_all(texts, context.check)
    contents = {
        segment.number: answer or first_sentences(text)
        for segment, text, answer in zip(waiting, texts, said, strict=True)
    }
    stand_ins = {segment.number for segment, answer in zip(waiting, said, strict=True) if answer is None}
    made = make_summaries({number: content for number, content in contents.items() if content}, stand_ins)
    vectors = indexing.embed_texts(embedder, {summary.content_hash: summary.content for summary in made})
    with rt.db.begin() as tx:
        context.checkpoint(tx, {"after": waiting[-1].number, "tally": asdict(writer.tally)})
        indexing.fix_dimension(tx, dataset, embedder)
        hook_store.insert_embeddings(tx, embedder.key, vectors)
        _keep(rt, tx, dataset, made, waiting)
    rt.wakeups.outbox()
    return waiting[-1].number


def _keep(rt: Runtime, tx: Connection, dataset: Dataset, made: list[NewSummary], seen: list[Unsummarized]) -> None:
    """Keep the summaries of those segments that are still what they were, and tell the index."""
    unchanged = summary_store.list_unchanged(tx, {segment.number: segment.content_hash for segment in seen})
    kept = [summary for summary in made if summary.segment_number in unchanged]
    if not kept:
        return
    numbers = [summary.segment_number for summary in kept]
    with recounted(tx, dataset, numbers):
        summary_store.insert_summaries(tx, kept)
    outbox.append(tx, rt.clock, dataset.id, outbox.PutSegments(numbers=numbers))


def _end(rt: Runtime, tx: Connection, document: Document, generation: int, warning: str | None) -> None:
    """Leave the warning, and have the document shown as done when the index has the last summary."""
    dataset_store.hold_dataset(tx, document.dataset_id)
    if warning is not None:
        work_store.warn(tx, document.id, generation, warning)
    change = outbox.EndSummaries(document_id=document.id, generation=generation)
    outbox.append(tx, rt.clock, document.dataset_id, change)


def _warning(tally: Tally) -> str | None:
    if not tally.fell_back:
        return None
    return f"{tally.fell_back} of {tally.asked} summaries are the first sentences of their segment: {tally.reason}."
