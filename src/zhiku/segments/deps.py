"""From the `segment_id` in a path to the segment, or the contract's refusal."""

from typing import Annotated

from zhiku.documents.deps import DocumentDep
from zhiku.http.router import Depends
from zhiku.http.runtime import RuntimeDep, in_thread
from zhiku.segments import child_service, service
from zhiku.segments.child_store import ChildChunk
from zhiku.segments.store import Segment


async def require_segment(rt: RuntimeDep, document: DocumentDep, segment_id: str) -> Segment:
    """Return the path's segment, which must be of the path's document. Raises NotFound."""
    return await in_thread(service.get_segment, rt, document.document, segment_id)


SegmentDep = Annotated[Segment, Depends(require_segment)]


async def require_child(rt: RuntimeDep, segment: SegmentDep, child_chunk_id: str) -> tuple[Segment, ChildChunk]:
    """Return the path's child chunk behind its segment, whose it must be. Raises NotFound."""
    return segment, await in_thread(child_service.get_child, rt, segment, child_chunk_id)


ChildDep = Annotated[tuple[Segment, ChildChunk], Depends(require_child)]
