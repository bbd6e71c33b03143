"""Names of models as clients send them, and one embedder a model."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from pydantic import ValidationError

from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.base import Embedder, Vectors
from zhiku.providers.catalog import (
    BUILTIN_EMBEDDING,
    ModelCatalog,
    ModelName,
    canonical_provider,
    find_remote_embedding,
    read_aliases,
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


OPENAI = ModelName("openai", "text-embedding-3-small")


def with_aliases(written: str) -> ModelCatalog:
    factories = {BUILTIN_EMBEDDING: StubEmbedder, REMOTE: StubEmbedder}
    aliases = read_aliases(Settings(model_aliases=written), list(factories))
    return ModelCatalog(factories, REMOTE, aliases)


@pytest.mark.parametrize(
    "written",
    [
        "openai:text-embedding-3-small=zhiku:multilingual-e5-small",
        " langgenius/openai/openai:text-embedding-3-small = langgenius/zhiku/zhiku:multilingual-e5-small ",
        "a:b=zhiku:multilingual-e5-small,OpenAI:text-embedding-3-small=zhiku:multilingual-e5-small",
    ],
)
@pytest.mark.parametrize("provider", ["openai", "OPENAI", "langgenius/openai/openai"])
def test_an_alias_is_served_under_every_spelling_of_its_provider(written: str, provider: str) -> None:
    catalog = with_aliases(written)
    asked = ModelName(provider, OPENAI.model)
    assert catalog.is_served(asked)
    assert catalog.embedder(asked) is catalog.embedder(BUILTIN_EMBEDDING)
    assert catalog.find_embedding("openai", "text-embedding-3-large") is None


def test_half_an_alias_is_completed_by_its_own_other_half() -> None:
    catalog = with_aliases("openai:text-embedding-3-small=zhiku:multilingual-e5-small")
    assert catalog.find_embedding(None, OPENAI.model) == OPENAI
    assert catalog.find_embedding("openai", None) == OPENAI
    assert catalog.find_embedding(None, None) == REMOTE
    assert catalog.list_embeddings() == [BUILTIN_EMBEDDING, REMOTE]


def test_one_alias_in_two_spellings_is_one_and_a_served_model_is_none() -> None:
    names = "openai:m=zhiku:multilingual-e5-small,langgenius/openai/openai:m=openai_api_compatible:bge-m3"
    catalog = with_aliases(names + ",zhiku:multilingual-e5-small=openai_api_compatible:bge-m3")
    assert catalog.embedder(ModelName("openai", "m")) is catalog.embedder(REMOTE)
    assert catalog.find_embedding("zhiku", None) == BUILTIN_EMBEDDING
    assert catalog.embedder(BUILTIN_EMBEDDING) is not catalog.embedder(REMOTE)


def test_a_model_name_may_hold_colons_and_slashes() -> None:
    catalog = with_aliases("ollama:BAAI/bge-m3:latest=zhiku:multilingual-e5-small")
    assert catalog.is_served(ModelName("ollama", "BAAI/bge-m3:latest"))


def test_an_alias_of_what_is_not_served_is_refused_with_what_is() -> None:
    message = r"ZHIKU_MODEL_ALIASES: zhiku:other is not served\. Served: zhiku:multilingual-e5-small, openai_api_comp"
    with pytest.raises(ProviderNotInitialize, match=message):
        with_aliases("openai:a=zhiku:other")


@pytest.mark.parametrize(
    "written",
    ["openai", "openai:a", "a=b", "openai:a=zhiku", "a b:c=d:e", "a:b=c:d,", "a:b=c:d=e:f", "a: =c:d", ":a=b:c", "=:"],
)
def test_aliases_that_are_no_pairs_are_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="write provider:model=provider:model"):
        Settings(model_aliases=written)


def test_an_empty_list_of_aliases_is_none() -> None:
    assert Settings(model_aliases="").model_aliases is None


class _StubChat:
    key = "stub"

    def answer(self, instructions: str, text: str) -> str:
        return text


def test_a_chat_model_is_found_by_no_name_by_its_own_and_by_an_alias() -> None:
    writer, alias = ModelName("openai_api_compatible", "writer"), ModelName("openai", "gpt")
    chats = {writer: _StubChat}
    catalog = ModelCatalog({REMOTE: StubEmbedder}, REMOTE, {alias: writer}, chats)
    made = catalog.find_chat(None, None)
    assert made is not None
    assert made is catalog.find_chat("", "writer") is catalog.find_chat("langgenius/openai/openai", "gpt")
    assert catalog.find_chat("openai", "writer") is catalog.find_chat("", "other") is None
    assert catalog.find_embedding("openai", "gpt") is catalog.find_embedding("", "writer") is None
    assert catalog.list_chats() == [writer]
