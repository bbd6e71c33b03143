"""What the routes of a recut give back (contract 13)."""

from typing import Annotated, TypedDict

from zhiku.documents.recuts import RecutProgress
from zhiku.documents.replies import DocumentRuleBody, rule_body
from zhiku.http.reply import Count, Id, Seconds, one_of


class RecutBody(TypedDict):
    """How far the documents of a dataset are on their way to another rule."""

    id: Annotated[Id, "Id of the recut."]
    status: Annotated[str, one_of("running", "completed", "cancelled", "error"), "Whether it goes on."]
    error: Annotated[str | None, "Why it could not go on."]
    process_rule: Annotated[DocumentRuleBody, "The rule that the documents are cut with."]
    total: Annotated[Count, "Documents that the dataset had at the start and still has."]
    done: Annotated[Count, "Documents that have been cut."]
    failed: Annotated[Count, "Documents whose indexing failed; what they answered with before goes on answering."]
    skipped: Annotated[Count, "Documents that were left as they are, because they were archived or paused."]
    created_by: Annotated[Id, "Who began it."]
    created_at: Annotated[Seconds, "When it was begun."]
    ended_at: Annotated[Seconds | None, "When the last document was sent to be cut, or it was cancelled."]


def recut_body(progress: RecutProgress) -> RecutBody:
    """Return the Recut object."""
    recut = progress.recut
    return {
        "id": recut.id,
        "status": progress.status,
        "error": recut.error,
        "process_rule": rule_body(progress.rule),
        "total": progress.total,
        "done": progress.done,
        "failed": progress.failed,
        "skipped": recut.skipped,
        "created_by": recut.created_by,
        "created_at": int(recut.created_at),
        "ended_at": None if recut.ended_at is None else int(recut.ended_at),
    }
