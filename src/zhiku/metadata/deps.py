"""From the `metadata_id` in a path to the field, or the contract's refusal."""

from typing import Annotated

from zhiku.datasets.deps import DatasetDep
from zhiku.http.router import Depends
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.metadata import service
from zhiku.metadata.store import Field


async def require_field(rt: RuntimeDep, dataset: DatasetDep, metadata_id: str) -> Field:
    """Return the path's field, which must be of the path's dataset. Raises NotFound."""
    return await in_thread(service.get_field, rt, dataset.id, metadata_id)


FieldDep = Annotated[Field, Depends(require_field)]
