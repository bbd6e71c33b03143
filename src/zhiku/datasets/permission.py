"""Which datasets an actor may use, and how the others are refused (contract 2.1, D2)."""

from zhiku.access.actor import Actor
from zhiku.datasets import store
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Connection, Database
from zhiku.errors import Forbidden, NotFound

NO_DATASET = "Dataset not found."
HIDDEN = "You do not have permission to access this dataset."
HIDDEN_DETAIL = "Insufficient permissions to access this knowledge base."
SWITCHED_OFF = "Dataset api access is not enabled."


def get_seen_dataset(db: Database, actor: Actor, dataset_id: str, refusal: str = HIDDEN) -> Dataset:
    """Return a dataset that the actor sees, whether or not its API is switched on; one hot read.

    Raises NotFound if it does not exist or the key is scoped to others, Forbidden if its permission hides it from
    the member.
    """
    if actor.is_scoped:
        dataset = store.fetch_scoped_dataset(db, actor.key_id, dataset_id)
    else:
        dataset = store.fetch_dataset(db, dataset_id)
    if dataset is None:
        raise NotFound(NO_DATASET)
    if actor.is_member:
        refuse_hidden(actor, dataset, refusal)
    return dataset


def find_seen_dataset(conn: Connection, actor: Actor, dataset_id: str) -> Dataset | None:
    """Return a dataset named in a body, None if it does not exist or the key is scoped to others.

    Raises Forbidden if its permission hides it from the member.
    """
    if actor.is_scoped:
        dataset = store.find_scoped_dataset(conn, actor.key_id, dataset_id)
    else:
        dataset = store.find_dataset(conn, dataset_id)
    if dataset is not None and actor.is_member:
        refuse_hidden(actor, dataset, HIDDEN)
    return dataset


def refuse_hidden(actor: Actor, dataset: Dataset, refusal: str) -> None:
    """Raise Forbidden if the dataset's permission hides it from the member; zhiku.access.store says the same in SQL."""
    if dataset.permission == "all_team_members" or dataset.created_by == actor.id:
        return
    is_listed = f'"{actor.id}"' in dataset.partial_members_json.lower()
    if dataset.permission != "partial_members" or not is_listed:
        raise Forbidden(refusal)


def refuse_switched_off(dataset: Dataset) -> None:
    """Raise Forbidden if the dataset may not be used over the API."""
    if not dataset.is_api_enabled:
        raise Forbidden(SWITCHED_OFF)
