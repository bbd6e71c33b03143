"""The pictures of records (contract 5.5)."""

from collections.abc import Sequence

from zhiku.retrieval.schemas import RecordBody
from zhiku.runtime import Runtime
from zhiku.segments.pictures import has_links, show_pictures


def has_files(records: Sequence[RecordBody]) -> bool:
    """Whether any of the records may have a picture, so that `add_files` has something to do."""
    return has_links(record["segment"] for record in records)


def add_files(rt: Runtime, base: str, records: Sequence[RecordBody]) -> None:
    """Sign the links of records' segments and list their pictures in `files`; `base` is where clients reach us."""
    shown = show_pictures(rt, base, [record["segment"] for record in records])
    for record, files in zip(records, shown, strict=True):
        record["files"] = files
