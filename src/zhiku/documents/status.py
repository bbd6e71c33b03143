"""The switches of documents: enable, disable, archive, un_archive (contract 3.3-17).

A switch leaves the index alone: postings stay in it, and retrieval asks the catalog which documents may answer. So a
switch holds from the moment it is committed, for the very next question.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from zhiku.access.service import Actor
from zhiku.datasets import store as dataset_store
from zhiku.documents import store
from zhiku.documents.store import Document
from zhiku.documents.work import FINISHED
from zhiku.errors import InvalidAction, NotFound
from zhiku.runtime import Runtime

T = TypeVar("T")

ACTIONS = ("enable", "disable", "archive", "un_archive")

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A database takes a bounded number of values in one statement.
_BATCH = 1000


def check_action(action: str) -> None:
    """Raise InvalidAction for an action that does not exist, whatever documents it is for (contract D60)."""
    if action not in ACTIONS:
        raise InvalidAction(f"Invalid action: {action}. Must be one of {list(ACTIONS)}")


def change_status(rt: Runtime, actor: Actor, dataset_id: str, action: str, document_ids: Sequence[str]) -> None:
    """Do `action` to all of these documents or, if one refuses, to none; ids that are not documents are skipped.

    A document that is already so stays as it is. Raises InvalidAction for the first document that refuses.
    """
    check_action(action)
    wanted = list(dict.fromkeys(found for each in document_ids if _UUID.fullmatch(found := each.lower())))
    if not wanted:
        return
    with rt.db.begin() as tx:
        if not dataset_store.hold_dataset(tx, dataset_id):
            raise NotFound("Dataset not found.")
        found = [row for part in _batches(wanted) for row in store.list_documents_by_id(tx, part)]
        document_of = {document.id: document for document in found if document.dataset_id == dataset_id}
        changed: list[int] = []
        for document_id in wanted:
            document = document_of.get(document_id)
            if document is None:
                continue
            _check(document, action)
            if not _is_done(document, action):
                changed.append(document.number)
        values = _values(action, actor.id, rt.clock.now())
        for part in _batches(changed):
            store.change_documents(tx, part, values)


def _check(document: Document, action: str) -> None:
    """Raise InvalidAction if the document is not in a state for this; the two messages are the contract's."""
    is_finished = document.indexing_status in FINISHED
    if action == "disable" and document.indexing_status != "completed":
        raise InvalidAction(f"Document: {document.name} is not completed.")
    # Enabling is allowed at any time, and what is paused is not being indexed.
    if action in ("archive", "un_archive") and not is_finished and document.paused_at is None:
        raise InvalidAction(f"Document:{document.name} is being indexed, please try again later")


def _is_done(document: Document, action: str) -> bool:
    if action in ("enable", "disable"):
        return document.is_enabled is (action == "enable")
    return document.is_archived is (action == "archive")


def _values(action: str, actor_id: str, now: float) -> dict[str, Any]:
    if action == "enable":
        return {"is_enabled": True, "disabled_at": None, "disabled_by": None, "updated_at": now}
    if action == "disable":
        return {"is_enabled": False, "disabled_at": now, "disabled_by": actor_id, "updated_at": now}
    return {"is_archived": action == "archive", "updated_at": now}


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[first : first + _BATCH] for first in range(0, len(items), _BATCH))
