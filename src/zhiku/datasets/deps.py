"""From the `dataset_id` in a path to the dataset, or the contract's refusal."""

from typing import Annotated

from zhiku.datasets import store
from zhiku.datasets.store import Dataset
from zhiku.errors import Forbidden, NotFound
from zhiku.http.auth import ActorDep
from zhiku.http.router import Depends
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.runtime import Runtime


def find_open_dataset(rt: Runtime, dataset_id: str) -> Dataset:
    """Return a dataset that may be used over the API. Raises NotFound, Forbidden."""
    dataset = store.fetch_dataset(rt.db, dataset_id)
    if dataset is None:
        raise NotFound("Dataset not found.")
    if not dataset.is_api_enabled:
        raise Forbidden("Dataset api access is not enabled.")
    return dataset


async def require_dataset(rt: RuntimeDep, actor: ActorDep, dataset_id: str) -> Dataset:
    """Return the path's dataset; asks for the actor first, so that a wrong key never learns what exists."""
    if rt.db.dialect == "sqlite":
        return find_open_dataset(rt, dataset_id)
    return await in_thread(find_open_dataset, rt, dataset_id)


DatasetDep = Annotated[Dataset, Depends(require_dataset)]
