"""Members of a zip archive put in the place of others, for mends that the library must not notice."""

import io
import zipfile
from collections.abc import Mapping

# Larger texts go without a mend rather than twice through the memory.
TEXT_BYTES = 64 << 20


def read_member(content: bytes, name: str) -> bytes:
    """A member's bytes; empty if there is none or it is larger than TEXT_BYTES. Raises what `zipfile` raises."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        try:
            member = archive.getinfo(name)
        except KeyError:
            return b""
        return archive.read(member) if member.file_size <= TEXT_BYTES else b""


def replace_members(content: bytes, changed: Mapping[str, bytes]) -> bytes:
    """The archive with these members changed, uncompressed and in the same order. Raises what `zipfile` raises."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w") as mended:
        for name in dict.fromkeys(member.filename for member in archive.infolist()):
            mended.writestr(name, changed[name] if name in changed else archive.read(name))
    return out.getvalue()
