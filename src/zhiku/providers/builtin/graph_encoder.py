"""Embeds with the converted graph: tokens, word rows from the wheel's file, the transformer, the mean."""

import os
import weakref
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from zhiku.providers.base import Vectors
from zhiku.providers.builtin.tokenizer import Tokenizer, TokenTables
from zhiku.providers.builtin.wheel_format import (
    BLOCK_BYTES,
    BLOCK_WEIGHTS,
    PASSAGE_PREFIX,
    QUERY_PREFIX,
    find_model_file,
    split_blocks,
)
from zhiku.providers.builtin.windows import join_windows, split_windows, unit_vector

GRAPH_FILE = "transformer.onnx"
POSITIONS_FILE = "positions.npy"
# onnxruntime's errors have no base class of their own.
GRAPH_ERRORS = (
    ort_state.EPFail,
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NoSuchFile,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
)


class GraphEncoder:
    """The converted model in memory. Safe to call from several threads; a call uses one."""

    def __init__(self, folder: Path, words_offset_bytes: int) -> None:
        self._tokenizer = Tokenizer(TokenTables.load(folder))
        # No piece crosses a space, so these are a prefixed text's first tokens whatever follows the prefix's space.
        self._leads = {prefix: self._tokenizer.encode(prefix)[:-1] for prefix in (QUERY_PREFIX, PASSAGE_PREFIX)}
        self._positions: NDArray[np.float32] = np.load(folder / POSITIONS_FILE)
        self._session = _open_session(folder / GRAPH_FILE)
        self._words_offset_bytes = words_offset_bytes
        self._row_bytes = self._positions.shape[1] // BLOCK_WEIGHTS * BLOCK_BYTES
        self._words = os.open(find_model_file(), os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._words)

    def embed(self, prefix: str, text: str) -> Vectors:
        """Return the unit vector of prefix + text, shape (dimension,); long texts by windows, each with the prefix."""
        tokens = self._tokenizer.encode(prefix + text)
        lead = self._leads[prefix]
        room = len(self._positions) - 2 - len(lead)
        vectors = [self._embed_window([*lead, *window]) for window in split_windows(tokens[len(lead) :], room)]
        return vectors[0] if len(vectors) == 1 else join_windows(vectors)

    def _embed_window(self, tokens: list[int]) -> Vectors:
        ids = [self._tokenizer.start, *tokens, self._tokenizer.end]
        rows = self._read_words(ids)
        rows += self._positions[: len(ids)]
        states = self._session.run(None, {"embeddings": rows[np.newaxis]})[0]
        return unit_vector(states[0].mean(axis=0))

    def _read_words(self, ids: list[int]) -> NDArray[np.float32]:
        # Read, not mapped: 54 MB of mapped rows would soon all count as this process's memory. Costs 1 µs a token.
        size, start = self._row_bytes, self._words_offset_bytes
        data = b"".join([os.pread(self._words, size, start + size * token) for token in ids])
        blocks = np.frombuffer(data, np.uint8).reshape(len(ids), -1, BLOCK_BYTES)
        scales, values = split_blocks(blocks)
        weights = values.astype(np.float32)
        weights -= 8
        weights *= scales
        return weights.reshape(len(ids), -1)


def _open_session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # The graph is built as it should run; the optimizer would fuse it back into a slower one.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    # Without the arena and its plan a process stays 10 MB smaller.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
