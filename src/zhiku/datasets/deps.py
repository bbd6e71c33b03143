"""From the `dataset_id` in a path to the dataset, or the contract's refusal.

All ask for the actor first, so that a wrong key never learns what exists.
"""

from typing import Annotated

from zhiku.access.actor import Actor
from zhiku.datasets.permission import HIDDEN, HIDDEN_DETAIL, get_seen_dataset, refuse_switched_off
from zhiku.datasets.store import Dataset
from zhiku.http.auth import ActorDep
from zhiku.http.router import Depends
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.runtime import Runtime


async def require_dataset(rt: RuntimeDep, actor: ActorDep, dataset_id: str) -> Dataset:
    """Return the path's dataset. Raises NotFound, and Forbidden for a hidden one and while its API is switched off."""
    dataset = await _seen(rt, actor, dataset_id, HIDDEN)
    refuse_switched_off(dataset)
    return dataset


async def require_dataset_detail(rt: RuntimeDep, actor: ActorDep, dataset_id: str) -> Dataset:
    """Return the path's dataset for the one route that words the refusal of a hidden one differently (seed 004)."""
    dataset = await _seen(rt, actor, dataset_id, HIDDEN_DETAIL)
    refuse_switched_off(dataset)
    return dataset


async def require_switchable_dataset(rt: RuntimeDep, actor: ActorDep, dataset_id: str) -> Dataset:
    """Return the path's dataset also while its API is switched off, for the route that switches it on again."""
    return await _seen(rt, actor, dataset_id, HIDDEN)


DatasetDep = Annotated[Dataset, Depends(require_dataset)]
DatasetDetailDep = Annotated[Dataset, Depends(require_dataset_detail)]
SwitchableDatasetDep = Annotated[Dataset, Depends(require_switchable_dataset)]


async def _seen(rt: Runtime, actor: Actor, dataset_id: str, refusal: str) -> Dataset:
    if rt.db.dialect == "sqlite":
        return get_seen_dataset(rt.db, actor, dataset_id, refusal)
    return await in_thread(get_seen_dataset, rt.db, actor, dataset_id, refusal)
