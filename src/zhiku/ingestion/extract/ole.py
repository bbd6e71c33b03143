"""Streams of the container that older Office files are: a small file system with chains of sectors."""

import struct
from collections.abc import Sequence

HEADER_BYTES = 512
ENTRY_BYTES = 128
FREE = 0xFFFFFFFA
STREAM, ROOT = 2, 5


def read_streams(content: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """The streams of these names that there are. Raises struct.error or ValueError if the container is broken."""
    sector_bytes = 1 << min(struct.unpack_from("<H", content, 30)[0], 16)
    cutoff: int = struct.unpack_from("<I", content, 56)[0]
    fat = read_table(content, fat_sectors(content, sector_bytes), sector_bytes)
    directory = read_chain(content, fat, struct.unpack_from("<I", content, 48)[0], sector_bytes)
    small_start: int = struct.unpack_from("<I", content, 60)[0]
    found: dict[str, bytes] = {}
    root = b""
    for at in range(0, len(directory) - ENTRY_BYTES + 1, ENTRY_BYTES):
        entry = directory[at : at + ENTRY_BYTES]
        start, size = struct.unpack_from("<II", entry, 116)
        if entry[66] == ROOT:
            root = read_chain(content, fat, start, sector_bytes)
        name = entry[: max(0, struct.unpack_from("<H", entry, 64)[0] - 2)].decode("utf-16-le", "replace")
        if entry[66] != STREAM or name not in names:
            continue
        if size >= cutoff:
            found[name] = read_chain(content, fat, start, sector_bytes)[:size]
        else:
            small = read_table(content, chain(fat, small_start), sector_bytes)
            found[name] = b"".join(root[n * 64 : n * 64 + 64] for n in chain(small, start))[:size]
    return found


def fat_sectors(content: bytes, sector_bytes: int) -> list[int]:
    """The sectors that hold the table of chains: 109 are in the header, others in a chain of their own."""
    sectors = list(struct.unpack_from("<109I", content, 76))
    following, count = struct.unpack_from("<II", content, 68)
    per_sector = sector_bytes // 4 - 1
    for _ in range(min(count, len(content) // sector_bytes)):
        listed = struct.unpack_from(f"<{per_sector + 1}I", content, HEADER_BYTES + following * sector_bytes)
        sectors += listed[:-1]
        following = listed[-1]
    return [sector for sector in sectors if sector < FREE]


def read_table(content: bytes, sectors: Sequence[int], sector_bytes: int) -> list[int]:
    """A table of chains: for each sector the one that follows it."""
    data = b"".join(content[HEADER_BYTES + n * sector_bytes :][:sector_bytes] for n in sectors)
    return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))


def read_chain(content: bytes, table: Sequence[int], start: int, sector_bytes: int) -> bytes:
    """The bytes of a chain of sectors."""
    return b"".join(content[HEADER_BYTES + n * sector_bytes :][:sector_bytes] for n in chain(table, start))


def chain(table: Sequence[int], start: int) -> list[int]:
    """The sectors of a chain in order. Raises ValueError for one that leads back to itself."""
    sectors: list[int] = []
    while start < len(table):
        sectors.append(start)
        if len(sectors) > len(table):
            raise ValueError("a chain of sectors without end")
        start = table[start]
    return sectors
