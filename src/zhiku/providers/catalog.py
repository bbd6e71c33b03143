"""The models this process can use, found by the names that clients send."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, runtime_checkable

from zhiku.errors import ProviderNotInitialize
from zhiku.providers.base import Chat, Embedder
from zhiku.settings import Settings

_PART = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ModelName:
    """A provider and one of its models, as published or as a client spelled them."""

    provider: str
    model: str


BUILTIN_EMBEDDING = ModelName("zhiku", "multilingual-e5-small")
REMOTE_PROVIDER = "openai_api_compatible"


def find_remote_embedding(settings: Settings) -> ModelName | None:
    """Return the name of the endpoint's model that the operator set, or None if no endpoint is set.

    Raises ProviderNotInitialize if only one of URL and model is set.
    """
    if not settings.embeddings_url and not settings.embeddings_model:
        return None
    if not settings.embeddings_url or not settings.embeddings_model:
        raise ProviderNotInitialize("Set both ZHIKU_EMBEDDINGS_URL and ZHIKU_EMBEDDINGS_MODEL, or neither.")
    return ModelName(REMOTE_PROVIDER, settings.embeddings_model)


def find_remote_chat(settings: Settings) -> ModelName | None:
    """Return the name of the chat model that the operator set, or None if none is set.

    Raises ProviderNotInitialize if only one of URL and model is set.
    """
    if not settings.chat_url and not settings.chat_model:
        return None
    if not settings.chat_url or not settings.chat_model:
        raise ProviderNotInitialize("Set both ZHIKU_CHAT_URL and ZHIKU_CHAT_MODEL, or neither.")
    return ModelName(REMOTE_PROVIDER, settings.chat_model)


def read_aliases(settings: Settings, served: Collection[ModelName]) -> dict[ModelName, ModelName]:
    """Return which served model each of the operator's further names stands for (behaviour.md section 8).

    What is served itself is no alias. Raises ProviderNotInitialize if a model that one stands for is not served.
    """
    if settings.model_aliases is None:
        return {}
    known = {_compared(name): name for name in served}
    aliases: dict[tuple[str | None, str], tuple[ModelName, ModelName]] = {}
    for written in settings.model_aliases.split(","):
        alias, _, target = written.partition("=")
        meant = known.get(_compared(_read_name(target)))
        if meant is None:
            shown = ", ".join(f"{name.provider}:{name.model}" for name in served)
            raise ProviderNotInitialize(f"ZHIKU_MODEL_ALIASES: {target.strip()} is not served. Served: {shown}.")
        name = _read_name(alias)
        if _compared(name) not in known:
            aliases[_compared(name)] = (name, meant)
    return dict(aliases.values())


def _read_name(written: str) -> ModelName:
    """Return the name in `provider:model`; a provider has no colon, a model may have some."""
    provider, _, model = written.strip().partition(":")
    return ModelName(provider.strip(), model.strip())


def _compared(name: ModelName) -> tuple[str | None, str]:
    """Return what two names of one model have in common."""
    return canonical_provider(name.provider), name.model


def canonical_provider(provider: str) -> str | None:
    """Return `organization/plugin/provider` in lower case, or None if the name is malformed.

    Source: behaviour.md section 8. A bare `x` means `langgenius/x/x`.
    """
    parts = provider.lower().split("/")
    if len(parts) == 1:
        parts = ["langgenius", parts[0], parts[0]]
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        return None
    # The google provider lives in a plugin called gemini; old clients still send the plugin's first name.
    if parts == ["langgenius", "google", "google"]:
        parts[1] = "gemini"
    return "/".join(parts)


def _named(served: Collection[ModelName], aliases: Mapping[ModelName, ModelName]) -> dict[ModelName, ModelName]:
    """Return every name by which one of the served models can be meant, and the model that it stands for."""
    return {name: name for name in served} | {name: meant for name, meant in aliases.items() if meant in served}


def _find_meant(names: Collection[ModelName], provider: str | None, model: str | None) -> ModelName | None:
    wanted = canonical_provider(provider) if provider else None
    if provider and wanted is None:
        return None
    matches = [
        name
        for name in names
        if (not model or name.model == model) and (wanted is None or canonical_provider(name.provider) == wanted)
    ]
    return matches[0] if len(matches) == 1 else None


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


class ModelCatalog:
    """What is served, by name; every model is made at most once, when first asked for. Thread safe.

    `embedders` and `chats` say how each served model is made (bootstrap knows the implementations); `default` is the
    embedder for datasets that name none, and must be among them. `aliases` are further names of served models.
    """

    def __init__(
        self,
        embedders: Mapping[ModelName, Callable[[], Embedder]],
        default: ModelName | None,
        aliases: Mapping[ModelName, ModelName] | None = None,
        chats: Mapping[ModelName, Callable[[], Chat]] | None = None,
    ) -> None:
        self._factories = dict(embedders)
        self._default = default
        # Every name by which a model can be meant, and the served model that it stands for.
        self._meant = _named(self._factories, aliases or {})
        self._chat_factories = dict(chats or {})
        self._chats_meant = _named(self._chat_factories, aliases or {})
        self._made_chats: dict[ModelName, Chat] = {}
        self._chat_lock = Lock()
        self._made: dict[ModelName, Embedder] = {}
        # One lock a model: loading one must not hold up calls to another that is ready.
        self._locks = {name: Lock() for name in self._factories}

    def default_embedding(self) -> ModelName | None:
        """Return the model for datasets that name none, or None if no model is served."""
        return self._default

    def list_embeddings(self) -> list[ModelName]:
        """Return the embedding models that are served, without aliases."""
        return list(self._factories)

    def find_embedding(self, provider: str | None, model: str | None) -> ModelName | None:
        """Return the served name or the alias that a client means, or None if there is none or more than one.

        Providers are compared in canonical form, models exactly. Empty counts as absent; with both
        absent the default is returned, with one absent the other must point at a single name.
        """
        if not provider and not model:
            return self._default
        return _find_meant(self._meant, provider, model)

    def list_chats(self) -> list[ModelName]:
        """Return the chat models that are served, without aliases."""
        return list(self._chat_factories)

    def find_chat(self, provider: str | None, model: str | None) -> Chat | None:
        """Return the chat model that a client means, or None if it is not served; the first one if nothing is named.

        Names are compared as those of embedding models are.
        """
        if not provider and not model:
            served = next(iter(self._chat_factories), None)
        else:
            meant = _find_meant(self._chats_meant, provider, model)
            served = self._chats_meant[meant] if meant else None
        if served is None:
            return None
        with self._chat_lock:
            if served not in self._made_chats:
                self._made_chats[served] = self._chat_factories[served]()
            return self._made_chats[served]

    def find_rerank(self, provider: str | None, model: str | None) -> ModelName | None:
        """Return the served rerank model that a client means; none is served yet, so always None."""
        return None

    def is_served(self, name: ModelName) -> bool:
        """Return whether `embedder(name)` would find a model; nothing is loaded to answer."""
        return self._find_exactly(name) is not None

    def embedder(self, name: ModelName) -> Embedder:
        """Return the one embedder of this model in this process, made on the first call.

        `name` may be spelled as a client sent it. Raises ProviderNotInitialize if it is not served
        or cannot be made; a failed attempt is repeated on the next call.
        """
        made = self._made.get(name)
        if made is not None:
            return made
        served = self._find_exactly(name)
        if served is None:
            raise ProviderNotInitialize
        with self._locks[served]:
            if served not in self._made:
                self._made[served] = self._factories[served]()
            return self._made[served]

    def close(self) -> None:
        """Let go of what the models hold (connections, sessions); they are made anew if asked for again."""
        with self._chat_lock:
            chats = list(self._made_chats.values())
            self._made_chats.clear()
        for chat in chats:
            if isinstance(chat, _Closable):
                chat.close()
        for name, lock in self._locks.items():
            with lock:
                embedder = self._made.pop(name, None)
            if isinstance(embedder, _Closable):
                embedder.close()

    def _find_exactly(self, name: ModelName) -> ModelName | None:
        if not name.provider or not name.model:
            return None
        found = self.find_embedding(name.provider, name.model)
        return self._meant[found] if found else None
