"""What the workspace's routes give back (contract 8, D102)."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

from zhiku.access.service import WORKSPACE_ID
from zhiku.errors import InvalidParam
from zhiku.http.reply import Id
from zhiku.providers.catalog import BUILTIN_EMBEDDING, REMOTE_PROVIDER, ModelName

MODEL_TYPES = ("text-embedding", "rerank", "llm", "tts", "speech2text", "moderation")
# Older clients spell two of the types as the code behind the first servers did.
TYPE_ALIASES = {"embeddings": "text-embedding", "reranking": "rerank"}
# Tokens of one window; a longer text is embedded as the mean of several.
BUILTIN_CONTEXT_TOKENS = 512

LABELS = {
    BUILTIN_EMBEDDING.provider: ("Zhiku, built in", "知库内置"),
    REMOTE_PROVIDER: ("OpenAI-compatible endpoint", "OpenAI 兼容接口"),
}
BUILTIN_ICON, ENDPOINT_ICON = "zhiku.svg", "endpoint.svg"
ICONS = (BUILTIN_ICON, ENDPOINT_ICON)


class LocalTextBody(TypedDict):
    """One text for readers of English and of Chinese."""

    en_US: Annotated[str, "In English."]
    zh_Hans: Annotated[str, "In simplified Chinese."]


class IconBody(TypedDict):
    """Where a picture lies, for readers of English and of Chinese; it needs no key."""

    en_US: Annotated[str, "Absolute URL of an SVG.", ("format", "uri")]
    zh_Hans: Annotated[str, "Absolute URL of an SVG.", ("format", "uri")]


class ModelBody(TypedDict):
    """A model that can be used."""

    model: Annotated[str, "Its name, as `embedding_model` of a dataset takes it."]
    label: Annotated[LocalTextBody, "Shown name."]
    model_type: Annotated[str, "What it is for: the type that was asked for."]
    features: Annotated[list[str] | None, "What else it can do, null for nothing."]
    fetch_from: Annotated[
        Literal["predefined-model", "customizable-model"], "Whether it is built in, or set up by the operator."
    ]
    model_properties: Annotated[dict[str, int], "`context_size`: how many tokens it reads at once."]
    deprecated: Annotated[bool, "Always false."]
    status: Annotated[Literal["active"], "Only models that can be used are listed."]
    load_balancing_enabled: Annotated[bool, "Always false."]
    has_invalid_load_balancing_configs: Annotated[bool, "Always false."]


class ProviderBody(TypedDict):
    """Who serves models, with those of the type that was asked for."""

    tenant_id: Annotated[Id, "Id of the workspace."]
    provider: Annotated[str, "Its name, as `embedding_model_provider` of a dataset takes it."]
    label: Annotated[LocalTextBody, "Shown name."]
    icon_small: Annotated[IconBody, "Small picture."]
    icon_small_dark: Annotated[IconBody | None, "Small picture for a dark page, null where the other one does."]
    icon_large: Annotated[IconBody, "Large picture."]
    status: Annotated[Literal["active"], "Only providers that can be used are listed."]
    models: Annotated[list[ModelBody], "Its models of this type, at least one."]


class ProviderListBody(TypedDict):
    """The models of one type, by provider."""

    data: Annotated[list[ProviderBody], "The providers; those without a model of this type are left out."]


def read_model_type(written: str) -> str:
    """Return the type of models that a path asks for, an older spelling as today's. Raises InvalidParam."""
    model_type = TYPE_ALIASES.get(written, written)
    if model_type not in MODEL_TYPES:
        raise InvalidParam(f"model_type: must be one of {', '.join(MODEL_TYPES)}", params="model_type")
    return model_type


def provider_list_body(
    names: Sequence[ModelName], model_type: str, base_url: str, endpoint_tokens: int
) -> ProviderListBody:
    """Return the list of models by provider, both in the order in which they come.

    `endpoint_tokens` is the longest text that is ever sent to a model whose own limit is not known.
    """
    models: dict[str, list[ModelBody]] = {}
    for name in names:
        models.setdefault(name.provider, []).append(_model_body(name, model_type, endpoint_tokens))
    return {"data": [_provider_body(provider, listed, base_url) for provider, listed in models.items()]}


def _provider_body(provider: str, models: list[ModelBody], base_url: str) -> ProviderBody:
    english, chinese = LABELS.get(provider, (provider, provider))
    icon = BUILTIN_ICON if provider == BUILTIN_EMBEDDING.provider else ENDPOINT_ICON
    url = f"{base_url}/model-providers/icons/{icon}"
    shown: IconBody = {"en_US": url, "zh_Hans": url}
    return {
        "tenant_id": WORKSPACE_ID,
        "provider": provider,
        "label": {"en_US": english, "zh_Hans": chinese},
        "icon_small": shown,
        "icon_small_dark": None,
        "icon_large": shown,
        "status": "active",
        "models": models,
    }


def _model_body(name: ModelName, model_type: str, endpoint_tokens: int) -> ModelBody:
    is_builtin = name == BUILTIN_EMBEDDING
    properties: dict[str, Any] = {"context_size": BUILTIN_CONTEXT_TOKENS if is_builtin else endpoint_tokens}
    return {
        "model": name.model,
        "label": {"en_US": name.model, "zh_Hans": name.model},
        "model_type": model_type,
        "features": None,
        "fetch_from": "predefined-model" if is_builtin else "customizable-model",
        "model_properties": properties,
        "deprecated": False,
        "status": "active",
        "load_balancing_enabled": False,
        "has_invalid_load_balancing_configs": False,
    }
