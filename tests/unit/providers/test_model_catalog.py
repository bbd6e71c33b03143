"""Names of models as clients send them, and one embedder a model."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.base import Embedder, Vectors
from zhiku.providers.catalog import (
    BUILTIN_EMBEDDING,
    ModelCatalog,
    ModelName,
    canonical_provider,
    find_remote_embedding,
)
from zhiku.settings import Settings

REMOTE = ModelName("openai_api_compatible", "bge-m3")


class StubEmbedder:
    """An embedder that is never asked for a vector."""

    key = "stub"
    dimension = 3
    cosine_floor = 0.0
    is_quick = True
    batch_size = 1

    def embed_query(self, text: str) -> Vectors:
        return np.ones(3, dtype=np.float32)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.ones((len(texts), 3), dtype=np.float32)


@pytest.fixture
def catalog() -> ModelCatalog:
    return ModelCatalog({BUILTIN_EMBEDDING: StubEmbedder, REMOTE: StubEmbedder}, REMOTE)


@pytest.mark.parametrize(
    ("sent", "canonical"),
    [
        ("openai", "langgenius/openai/openai"),
        ("OpenAI", "langgenius/openai/openai"),
        ("langgenius/openai/openai", "langgenius/openai/openai"),
        ("google", "langgenius/gemini/google"),
        ("langgenius/google/google", "langgenius/gemini/google"),
        ("langgenius/gemini/google", "langgenius/gemini/google"),
        ("other/google/google", "other/google/google"),
        ("a/b", None),
        ("a/b/c/d", None),
        ("open ai", None),
        ("", None),
        ("//", None),
        ("通义", None),
    ],
)
def test_providers_have_a_canonical_form(sent: str, canonical: str | None) -> None:
    assert canonical_provider(sent) == canonical


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("zhiku", "multilingual-e5-small", BUILTIN_EMBEDDING),
        ("langgenius/zhiku/zhiku", "multilingual-e5-small", BUILTIN_EMBEDDING),
        ("Zhiku", "multilingual-e5-small", BUILTIN_EMBEDDING),
        ("zhiku", None, BUILTIN_EMBEDDING),
        (None, "multilingual-e5-small", BUILTIN_EMBEDDING),
        ("", "bge-m3", REMOTE),
        ("langgenius/openai_api_compatible/openai_api_compatible", "bge-m3", REMOTE),
        (None, None, REMOTE),
        ("", "", REMOTE),
        ("zhiku", "bge-m3", None),
        ("zhiku", "Multilingual-E5-Small", None),
        ("openai", None, None),
        (None, "text-embedding-3-small", None),
        ("zhi ku", "multilingual-e5-small", None),
    ],
)
def test_a_client_finds_a_model_by_its_names(
    catalog: ModelCatalog, provider: str | None, model: str | None, found: ModelName | None
) -> None:
    assert catalog.find_embedding(provider, model) == found


def test_half_a_name_that_fits_two_models_finds_none() -> None:
    twin = ModelName("zhiku", "bge-m3")
    catalog = ModelCatalog({BUILTIN_EMBEDDING: StubEmbedder, twin: StubEmbedder, REMOTE: StubEmbedder}, None)
    assert catalog.find_embedding("zhiku", None) is None
    assert catalog.find_embedding(None, "bge-m3") is None
    assert catalog.find_embedding("zhiku", "bge-m3") == twin


def test_nothing_served_means_no_default() -> None:
    catalog = ModelCatalog({}, None)
    assert catalog.default_embedding() is None
    assert catalog.find_embedding(None, None) is None


def test_asking_whether_a_model_is_served_loads_nothing() -> None:
    def load() -> Embedder:
        raise AssertionError("was loaded")

    catalog = ModelCatalog({BUILTIN_EMBEDDING: load}, BUILTIN_EMBEDDING)
    assert catalog.is_served(ModelName("langgenius/zhiku/zhiku", "multilingual-e5-small"))
    assert not catalog.is_served(ModelName("zhiku", "other"))
    assert not catalog.is_served(ModelName("", "multilingual-e5-small"))


def test_a_model_is_made_once_however_many_threads_ask() -> None:
    made: list[StubEmbedder] = []
    ready = Barrier(8)

    def load() -> Embedder:
        made.append(StubEmbedder())
        return made[-1]

    catalog = ModelCatalog({BUILTIN_EMBEDDING: load}, BUILTIN_EMBEDDING)

    def ask(spelling: str) -> Embedder:
        ready.wait()
        return catalog.embedder(ModelName(spelling, "multilingual-e5-small"))

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(ask, ["zhiku", "Zhiku", "langgenius/zhiku/zhiku", "ZHIKU"] * 2))
    assert len(made) == 1
    assert all(embedder is made[0] for embedder in got)


def test_an_unknown_model_is_not_initialized(catalog: ModelCatalog) -> None:
    with pytest.raises(ProviderNotInitialize, match="No Embedding Model available"):
        catalog.embedder(ModelName("openai", "text-embedding-3-small"))


def test_a_model_that_could_not_be_made_is_tried_again() -> None:
    outcomes: list[Exception | None] = [ModelCallFailed("not yet"), None]

    def load() -> Embedder:
        outcome = outcomes.pop(0)
        if outcome:
            raise outcome
        return StubEmbedder()

    catalog = ModelCatalog({BUILTIN_EMBEDDING: load}, BUILTIN_EMBEDDING)
    with pytest.raises(ModelCallFailed):
        catalog.embedder(BUILTIN_EMBEDDING)
    assert catalog.embedder(BUILTIN_EMBEDDING).key == "stub"


def test_closing_lets_go_of_what_was_made() -> None:
    closed: list[str] = []

    class Holding(StubEmbedder):
        def close(self) -> None:
            closed.append("closed")

    catalog = ModelCatalog({BUILTIN_EMBEDDING: Holding, REMOTE: StubEmbedder}, REMOTE)
    catalog.embedder(REMOTE)
    first = catalog.embedder(BUILTIN_EMBEDDING)
    catalog.close()
    catalog.close()
    assert closed == ["closed"]
    assert catalog.embedder(BUILTIN_EMBEDDING) is not first


def test_an_endpoint_in_the_settings_names_a_model() -> None:
    both = Settings(embeddings_url="http://127.0.0.1:9/v1", embeddings_model="bge-m3")
    assert find_remote_embedding(both) == REMOTE
    assert find_remote_embedding(Settings()) is None


@pytest.mark.parametrize("given", [{"embeddings_url": "http://127.0.0.1:9"}, {"embeddings_model": "bge-m3"}])
def test_half_an_endpoint_in_the_settings_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ProviderNotInitialize, match="ZHIKU_EMBEDDINGS_MODEL"):
        find_remote_embedding(Settings.model_validate(given))
