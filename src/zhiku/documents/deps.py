"""From the `document_id` in a path to the document, or the contract's refusal."""

from typing import Annotated

from zhiku.datasets.deps import DatasetDep
from zhiku.datasets.store import Dataset
from zhiku.documents import service
from zhiku.documents.store import DocumentRow
from zhiku.errors import InvalidParam
from zhiku.http.router import Depends
from zhiku.http.runtime import RuntimeDep, in_thread


async def require_document(rt: RuntimeDep, dataset: DatasetDep, document_id: str) -> DocumentRow:
    """Return the path's document, which must be of the path's dataset. Raises NotFound."""
    return await in_thread(service.get_document, rt, dataset.id, document_id)


def require_own_dataset(dataset: DatasetDep) -> Dataset:
    """Return the path's dataset, which is to take content. Raises InvalidParam for an external one."""
    if dataset.provider == "external":
        raise InvalidParam("External datasets are not supported.")
    return dataset


OwnDatasetDep = Annotated[Dataset, Depends(require_own_dataset)]


async def require_own_document(rt: RuntimeDep, dataset: OwnDatasetDep, document_id: str) -> DocumentRow:
    """Return the path's document, which is to be updated. Raises InvalidParam for an external dataset, NotFound."""
    return await require_document(rt, dataset, document_id)


DocumentDep = Annotated[DocumentRow, Depends(require_document)]
OwnDocumentDep = Annotated[DocumentRow, Depends(require_own_document)]
