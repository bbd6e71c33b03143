"""The embedder over HTTP: the suite, with vectors as numbers and as base64."""

from collections.abc import Iterator

import pytest

from tests.conformance.embedder_suite import EmbedderSuite
from tests.embedding_server import EmbeddingServer
from zhiku.providers.base import Embedder
from zhiku.providers.openai import OpenAIEmbedder


class TestOpenAIEmbedder(EmbedderSuite):
    """The suite over a server that answers with numbers."""

    @pytest.fixture
    def embedder(self) -> Iterator[Embedder]:
        with EmbeddingServer() as server:
            made = OpenAIEmbedder(server.url, "test", "sk-test")
            yield made
            made.close()


class TestOpenAIEmbedderInBase64(EmbedderSuite):
    """The suite over a server that answers in base64 and takes three texts a call."""

    @pytest.fixture
    def embedder(self) -> Iterator[Embedder]:
        with EmbeddingServer(speaks_base64=True, max_texts=3) as server:
            made = OpenAIEmbedder(server.url, "test", None)
            yield made
            made.close()
