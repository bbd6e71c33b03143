"""Embeddings from any endpoint that speaks OpenAI's embeddings API."""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from threading import Lock

import httpx
import msgspec
import numpy as np

from zhiku.errors import ProviderNotInitialize
from zhiku.providers.base import Vectors
from zhiku.providers.endpoint import (
    SYSTEM_PACE,
    AnswerError,
    AnswerTooSlow,
    Endpoint,
    Pace,
    Patience,
    RequestRefused,
)

_BATCH_TEXTS = 32
# Providers bound a call's tokens (300,000 at OpenAI, less elsewhere); a Chinese character is about one.
_BATCH_CHARS = 64_000
_SMALLEST_NORM = 1e-12
_PROBE = "dimension"


class _Item(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(msgspec.Struct):
    data: list[_Item]


class OpenAIEmbedder:
    """A model behind `POST .../embeddings`; implements the `Embedder` port.

    `url` may end in `/embeddings`, in a version such as `/v1`, or before it. The dimension is asked once.
    Raises ProviderNotInitialize if the URL or the key cannot be used.
    """

    def __init__(self, url: str, model: str, key: str | None, pace: Pace = SYSTEM_PACE) -> None:
        target = embeddings_url(url)
        host = target.netloc.decode("ascii")
        self._model = model
        self._key = f"openai:{host}/{model}"
        self._pace = pace
        self._endpoint = Endpoint(str(target), key, f"Embedding provider {host} (model {model})", pace)
        self._lock = Lock()
        self._dimension: int | None = None
        self._batch_texts = _BATCH_TEXTS

    @property
    def key(self) -> str:
        """Name the host and the model; both decide what a vector is."""
        return self._key

    @property
    def dimension(self) -> int:
        """Return the length of a vector, asked of the provider once. Raises ModelCallFailed."""
        if self._dimension is None:
            return self._embed([_PROBE], self._pace.request).shape[1]
        return self._dimension

    @property
    def cosine_floor(self) -> float:
        """Return 0: nothing is known about this model's cosines of unrelated texts."""
        return 0.0

    @property
    def is_quick(self) -> bool:
        """Return False: a query waits for the model."""
        return False

    @property
    def batch_size(self) -> int:
        """Return the most texts one HTTP call carries."""
        return _BATCH_TEXTS

    def embed_query(self, text: str) -> Vectors:
        """Return one unit vector, shape (dimension,); gives up early, a person is waiting."""
        return self._embed([text], self._pace.request)[0]

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors in the order of `texts`, shape (len(texts), dimension)."""
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        pending = list(texts)
        parts: list[Vectors] = []
        while pending:
            # The limit is read anew for each batch: a refusal may have lowered it.
            batch = _first_batch(pending, self._batch_texts)
            parts.append(self._embed_or_halve(batch))
            del pending[: len(batch)]
        return np.concatenate(parts)

    def close(self) -> None:
        """Let go of the connections."""
        self._endpoint.close()

    def _embed_or_halve(self, texts: list[str]) -> Vectors:
        try:
            return self._embed(texts, self._pace.job)
        except AnswerTooSlow:
            # The job comes back later; it then asks a slow machine for less at once.
            self._batch_texts = max(len(texts) // 2, 1)
            raise
        except RequestRefused:
            if len(texts) == 1:
                raise
        # Some providers take fewer texts a call (DashScope 10) and answer 400 to more; a second
        # cause is one bad text, which the halving finds, so that the message is about that text.
        half = (len(texts) + 1) // 2
        vectors = np.concatenate([self._embed_or_halve(texts[:half]), self._embed_or_halve(texts[half:])])
        self._batch_texts = min(self._batch_texts, half)
        return vectors

    def _embed(self, texts: list[str], patience: Patience) -> Vectors:
        body = msgspec.json.encode({"model": self._model, "input": [_sendable(text) for text in texts]})
        return self._endpoint.post(body, lambda content: self._read(content, len(texts)), patience)

    def _read(self, content: bytes, count: int) -> Vectors:
        vectors = parse_vectors(content, count)
        with self._lock:
            if self._dimension is None:
                self._dimension = vectors.shape[1]
            elif self._dimension != vectors.shape[1]:
                raise AnswerError(
                    f"returned vectors of {vectors.shape[1]} numbers where it returned {self._dimension} before"
                )
        return vectors


def embeddings_url(url: str) -> httpx.URL:
    """Return the address to POST to. Raises ProviderNotInitialize if it is no http(s) URL."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ProviderNotInitialize("The model provider's URL cannot be read.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ProviderNotInitialize("The model provider's URL must begin with http:// or https:// and name a host.")
    path = parsed.path.rstrip("/")
    if not path.endswith("/embeddings"):
        has_version = any(re.fullmatch(r"v\d+\w*", part) for part in path.split("/"))
        path += "/embeddings" if has_version else "/v1/embeddings"
    return parsed.copy_with(path=path)


def parse_vectors(content: bytes, count: int) -> Vectors:
    """Return the unit vectors of an answer in the order of the texts, shape (count, dimension).

    Raises AnswerError unless there are `count` vectors of one length, finite and none of them zero.
    """
    try:
        items = msgspec.json.decode(content, type=_Answer).data
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerError(f"sent an answer that is not a list of embeddings: {error}") from error
    if len(items) != count:
        raise AnswerError(f"returned {len(items)} vectors for {count} texts")
    rows = [_numbers(item.embedding) for item in _in_order(items)]
    if len({len(row) for row in rows}) != 1 or not len(rows[0]):
        raise AnswerError("returned vectors of different lengths or none")
    matrix = np.stack(rows)
    if not np.isfinite(matrix).all():
        raise AnswerError("returned a vector with a number that is not finite")
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms < _SMALLEST_NORM).any():
        raise AnswerError("returned a vector of zeros or without a usable length")
    return (matrix / norms).astype(np.float32)


def _in_order(items: list[_Item]) -> Iterator[_Item]:
    # Servers that leave the index out answer in order.
    if all(item.index is None for item in items):
        return iter(items)
    by_index = {item.index: item for item in items}
    if set(by_index) != set(range(len(items))):
        raise AnswerError("returned vectors whose index does not match the texts")
    return (by_index[number] for number in range(len(items)))


def _numbers(embedding: list[float] | str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if isinstance(embedding, list):
        return np.array(embedding, dtype=np.float64)
    try:
        return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
    except (binascii.Error, ValueError) as error:
        raise AnswerError("returned a vector that is neither numbers nor base64") from error


def _sendable(text: str) -> str:
    # OpenAI refuses an empty text, and no JSON in UTF-8 can carry half a surrogate pair.
    return text.encode("utf-8", "replace").decode("utf-8") or " "


def _first_batch(texts: Sequence[str], limit: int) -> list[str]:
    batch: list[str] = []
    chars = 0
    for text in texts[:limit]:
        chars += len(text)
        if batch and chars > _BATCH_CHARS:
            break
        batch.append(text)
    return batch
