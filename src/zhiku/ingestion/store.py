"""SQL of what the chat model answered about a document's pieces, kept so that nothing is asked twice."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, text, update

from zhiku.db.tables import chat_answers

# How many hashes one statement looks for.
_TOGETHER = 500

_KEEP = text("""
    INSERT INTO chat_answers (document_number, request_hash, generation, answer)
    VALUES (:document, :request_hash, :generation, :answer)
    ON CONFLICT DO NOTHING
""")
_IN_USE = (
    update(chat_answers)
    .where(
        chat_answers.c.document_number == bindparam("document"),
        chat_answers.c.request_hash == bindparam("hash"),
    )
    .values(generation=bindparam("of_generation"))
)


def list_answers(conn: Connection, document_number: int, request_hashes: Sequence[str]) -> dict[str, str]:
    """Return the answers that there are to these requests about the document, by request hash."""
    found: dict[str, str] = {}
    for start in range(0, len(request_hashes), _TOGETHER):
        statement = select(chat_answers.c.request_hash, chat_answers.c.answer).where(
            chat_answers.c.document_number == document_number,
            chat_answers.c.request_hash.in_(request_hashes[start : start + _TOGETHER]),
        )
        found |= {row[0]: row[1] for row in conn.execute(statement)}
    return found


def insert_answers(tx: Connection, document_number: int, generation: int, answers: dict[str, str]) -> None:
    """Keep answers by request hash for the document's content of this generation."""
    if answers:
        shared = {"document": document_number, "generation": generation}
        tx.execute(_KEEP, [{**shared, "request_hash": key, "answer": answers[key]} for key in sorted(answers)])


def mark_answers_used(tx: Connection, document_number: int, generation: int, request_hashes: Sequence[str]) -> None:
    """Keep answers that were made for older content for this one too."""
    if request_hashes:
        shared = {"document": document_number, "of_generation": generation}
        tx.execute(_IN_USE, [{**shared, "hash": key} for key in sorted(request_hashes)])


def delete_older_answers(tx: Connection, document_number: int, generation: int) -> None:
    """Remove the answers that content of this generation does not use."""
    tx.execute(
        delete(chat_answers).where(
            chat_answers.c.document_number == document_number, chat_answers.c.generation < generation
        )
    )
