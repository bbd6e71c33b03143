"""The list of models, and names by which clients mean them (contract 8, D36, D102)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.contract.calls import got, refusal
from tests.product import MODEL, Product, open_product
from zhiku.bootstrap import make_catalog
from zhiku.db.engine import Database
from zhiku.errors import ProviderNotInitialize
from zhiku.settings import Settings
from zhiku.workspace.schemas import provider_list_body

TYPES = "/v1/workspaces/current/models/model-types"
HOST = "http://testserver"
NO_MODEL = "No Embedding Model available. Please configure a valid provider in the Settings -> Model Provider."


@pytest.fixture
def aliased(tmp_path: Path, sqlite_database: Database) -> Iterator[Product]:
    """A whole Zhiku in which the test's model has a second name."""
    aliases = f"openai:text-embedding-3-small={MODEL.provider}:{MODEL.model}"
    with open_product(tmp_path / "data", sqlite_database, model_aliases=aliases) as opened:
        yield opened


def test_embedding_models_are_listed_by_provider(product: Product) -> None:
    icon = {
        "en_US": f"{HOST}/model-providers/icons/endpoint.svg",
        "zh_Hans": f"{HOST}/model-providers/icons/endpoint.svg",
    }
    assert got(product.api.get(f"{TYPES}/text-embedding")) == {
        "data": [
            {
                "tenant_id": "00000000-0000-4000-8000-000000000001",
                "provider": "test",
                "label": {"en_US": "test", "zh_Hans": "test"},
                "icon_small": icon,
                "icon_small_dark": None,
                "icon_large": icon,
                "status": "active",
                "models": [
                    {
                        "model": "words",
                        "label": {"en_US": "words", "zh_Hans": "words"},
                        "model_type": "text-embedding",
                        "features": None,
                        "fetch_from": "customizable-model",
                        "model_properties": {"context_size": 4000},
                        "deprecated": False,
                        "status": "active",
                        "load_balancing_enabled": False,
                        "has_invalid_load_balancing_configs": False,
                    }
                ],
            }
        ]
    }


def listed(settings: Settings) -> list[tuple[str, str, str, int]]:
    """Return provider, model, where it is from and context of all that these settings serve."""
    body = provider_list_body(make_catalog(settings).list_embeddings(), "text-embedding", HOST, 4000)
    return [
        (provider["provider"], model["model"], model["fetch_from"], model["model_properties"]["context_size"])
        for provider in body["data"]
        for model in provider["models"]
    ]


def test_a_built_in_model_is_always_listed_and_the_operators_endpoint_beside_it() -> None:
    built_in = ("zhiku", "multilingual-e5-small", "predefined-model", 512)
    assert listed(Settings()) == [built_in]
    endpoint = Settings(embeddings_url="http://127.0.0.1:9/v1", embeddings_model="bge-m3")
    assert listed(endpoint) == [built_in, ("openai_api_compatible", "bge-m3", "customizable-model", 4000)]


@pytest.mark.parametrize("model_type", ["embeddings", "text-embedding"])
def test_the_older_spelling_of_text_embedding_is_an_alias(product: Product, model_type: str) -> None:
    models = got(product.api.get(f"{TYPES}/{model_type}"))["data"][0]["models"]
    assert [model["model_type"] for model in models] == ["text-embedding"]


@pytest.mark.parametrize("model_type", ["rerank", "reranking", "llm", "tts", "speech2text", "moderation"])
def test_a_type_without_any_model_is_an_empty_list(product: Product, model_type: str) -> None:
    assert got(product.api.get(f"{TYPES}/{model_type}")) == {"data": []}


@pytest.mark.parametrize("model_type", ["embedding", "Rerank", "text_embedding", "llm%20", "知识", "x" * 1000])
def test_another_type_is_400_that_names_the_field(product: Product, model_type: str) -> None:
    reply = product.api.get(f"{TYPES}/{model_type}")
    expected = "model_type: must be one of text-embedding, rerank, llm, tts, speech2text, moderation"
    assert refusal(reply) == (400, "invalid_param", expected)


def test_models_are_listed_with_a_key_only(product: Product) -> None:
    for path in (f"{TYPES}/text-embedding", f"{TYPES}/other"):
        assert refusal(product.anonymous.get(path))[:2] == (401, "unauthorized")


def icon_urls(reply: Any) -> set[str]:
    return {
        url for provider in reply["data"] for name in ("icon_small", "icon_large") for url in provider[name].values()
    }


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, HOST),
        ({"Host": "kb.example.org:8443"}, "http://kb.example.org:8443"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "kb.example.org"}, "https://kb.example.org"),
    ],
)
def test_icon_urls_are_absolute_and_open_without_a_key(product: Product, headers: dict[str, str], base: str) -> None:
    (url,) = icon_urls(got(product.api.get(f"{TYPES}/text-embedding", headers=headers)))
    assert url.startswith(f"{base}/")
    reply = product.anonymous.get(url.removeprefix(base))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/svg+xml")
    assert ElementTree.fromstring(reply.text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_every_provider_has_a_picture_that_is_served(product: Product) -> None:
    settings = Settings(embeddings_url="http://127.0.0.1:9/v1", embeddings_model="bge-m3")
    body = provider_list_body(make_catalog(settings).list_embeddings(), "text-embedding", "", 1)
    paths = icon_urls(body)
    assert len(paths) == 2
    assert {product.anonymous.get(path).status_code for path in paths} == {200}


@pytest.mark.parametrize("icon", ["other.svg", "..%2Fschemas.py", "%2e%2e", "zhiku.SVG"])
def test_no_other_file_is_given_as_a_picture(product: Product, icon: str) -> None:
    assert refusal(product.anonymous.get(f"/model-providers/icons/{icon}"))[:2] == (404, "not_found")


@pytest.mark.parametrize("provider", ["openai", "langgenius/openai/openai", "OpenAI", None])
def test_an_alias_works_and_is_echoed_as_it_was_sent(aliased: Product, provider: str | None) -> None:
    body = {"name": "Guide", "indexing_technique": "high_quality", "embedding_model": "text-embedding-3-small"}
    made = got(aliased.api.post("/v1/datasets", json=body | {"embedding_model_provider": provider}))
    assert made["embedding_model"] == "text-embedding-3-small"
    assert made["embedding_model_provider"] == (provider or "openai")
    assert made["embedding_available"] is True
    aliased.add_text(made["id"], "text", "walnut")
    aliased.settle()
    assert [record["segment"]["content"] for record in aliased.retrieve(made["id"], "walnut")] == ["walnut"]


def test_an_alias_is_not_listed(aliased: Product) -> None:
    models = got(aliased.api.get(f"{TYPES}/text-embedding"))["data"]
    assert [(provider["provider"], len(provider["models"])) for provider in models] == [("test", 1)]


@pytest.mark.parametrize("names", [("openai", "text-embedding-3-small"), ("test", "other"), ("a b", "words")])
def test_an_unknown_pair_without_an_alias_is_400(fresh: Product, names: tuple[str, str]) -> None:
    body = {"name": "Guide", "indexing_technique": "high_quality"}
    sent = body | {"embedding_model_provider": names[0], "embedding_model": names[1]}
    assert refusal(fresh.api.post("/v1/datasets", json=sent)) == (400, "invalid_param", NO_MODEL)


def test_the_operators_chat_model_is_listed_as_llm() -> None:
    settings = Settings(chat_url="http://127.0.0.1:9/v1", chat_model="writer")
    body = provider_list_body(make_catalog(settings).list_chats(), "llm", HOST, 4000)
    [provider] = body["data"]
    assert provider["provider"] == "openai_api_compatible"
    assert [(model["model"], model["model_type"]) for model in provider["models"]] == [("writer", "llm")]


def test_no_llm_is_listed_without_a_chat_model(product: Product) -> None:
    assert got(product.api.get(f"{TYPES}/llm")) == {"data": []}


@pytest.mark.parametrize("half", [{"chat_url": "http://127.0.0.1:9/v1"}, {"chat_model": "writer"}])
def test_half_a_chat_model_stops_the_start(half: dict[str, Any]) -> None:
    with pytest.raises(ProviderNotInitialize, match="Set both ZHIKU_CHAT_URL and ZHIKU_CHAT_MODEL"):
        make_catalog(Settings(**half))
