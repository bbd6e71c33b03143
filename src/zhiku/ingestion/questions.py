"""Questions and answers about a document's pieces, written by the chat model where there is one (contract 4.6)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from zhiku.documents import work_store
from zhiku.documents.store import Document
from zhiku.ingestion import store
from zhiku.ingestion.ask import Writer, make_writer
from zhiku.ingestion.pairs import pair_of, read_numbered_pairs
from zhiku.jobs.worker import JobContext
from zhiku.runtime import Runtime
from zhiku.segments.make import Piece

PROMPT = (
    "The user sends a piece of a document. Write the questions that it answers, each with an answer that is complete "
    "in itself and says nothing that the piece does not say. Cover everything of importance once. Write in this "
    "language: {language}. List nothing but the pairs, numbered like this:\n"
    "Q1: the question\nA1: its answer\nQ2: …\nA2: …"
)
NO_PAIRS = "the chat model listed no question with an answer"


def write_pairs(rt: Runtime, context: JobContext, document: Document, pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pairs of all pieces, by piece and then as the model lists them, each with its piece's place.

    Answers are kept by batch, each a checkpoint, and not asked for again. A piece that gets none becomes the answer to
    its own first sentence, and the document says how many did. Raises LeaseLost, JobHandedBack.
    """
    writer = make_writer(rt, (None, None), PROMPT.format(language=document.doc_language))
    hashes = [_request_hash(writer, piece.content) for piece in pieces]
    known = _begin(rt, context, document, hashes)
    waiting: list[tuple[str, str]] = []
    for piece, request_hash in zip(pieces, hashes, strict=True):
        if request_hash in known:
            writer.count_known(piece.content, known[request_hash])
        else:
            waiting.append((request_hash, piece.content))
    for start in range(0, len(waiting), writer.batch_size):
        known |= _ask(rt, context, document, writer, waiting[start : start + writer.batch_size])
    _warn(rt, context, document, writer)
    return [
        replace(pair, place=piece.place)
        for piece, request_hash in zip(pieces, hashes, strict=True)
        for pair in read_numbered_pairs(known.get(request_hash, "")) or [pair_of(piece.content)]
    ]


def _begin(rt: Runtime, context: JobContext, document: Document, hashes: Sequence[str]) -> dict[str, str]:
    """Return the answers that there are already, by request hash, and show that the document is being split."""
    with rt.db.read() as conn:
        known = store.list_answers(conn, document.number, hashes)
    started_at = document.processing_started_at or rt.clock.now()
    values: dict[str, object] = {"indexing_status": "splitting", "processing_started_at": started_at}
    with rt.db.begin() as tx:
        context.checkpoint(tx, None)
        store.mark_answers_used(tx, document.number, document.generation, list(known))
        work_store.mark_working(tx, document.number, document.generation, values)
    return known


def _ask(
    rt: Runtime, context: JobContext, document: Document, writer: Writer, batch: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """Return the answers about these (request hash, piece) pairs that list something, kept in the catalog."""
    context.check()
    said = writer.answer_all([content for _, content in batch], context.check)
    answers: dict[str, str] = {}
    for (request_hash, _), answer in zip(batch, said, strict=True):
        if answer is not None and read_numbered_pairs(answer):
            answers[request_hash] = answer
        elif answer is not None:
            writer.fall_back(NO_PAIRS)
    if answers:
        with rt.db.begin() as tx:
            context.checkpoint(tx, None)
            store.insert_answers(tx, document.number, document.generation, answers)
    return answers


def _warn(rt: Runtime, context: JobContext, document: Document, writer: Writer) -> None:
    tally = writer.tally
    if not tally.fell_back:
        return
    warning = f"{tally.fell_back} of {tally.asked} pieces are answers to their own first sentence: {tally.reason}."
    with rt.db.begin() as tx:
        context.checkpoint(tx, None)
        work_store.mark_working(tx, document.number, document.generation, {"warning": warning})


def _request_hash(writer: Writer, content: str) -> str:
    key = writer.chat.key if writer.chat else ""
    asked = hashlib.sha256()
    for part in (key, writer.instructions, content):
        asked.update(part.encode())
        asked.update(b"\x00")
    return asked.hexdigest()
