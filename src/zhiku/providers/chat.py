"""Texts written by any endpoint that speaks OpenAI's chat completions API."""

import re

import httpx
import msgspec

from zhiku.errors import ProviderNotInitialize
from zhiku.providers.endpoint import SYSTEM_PACE, AnswerError, Endpoint, Pace, Patience

# A model that writes takes longer than one that embeds; only jobs ask it, and these fall back after that.
ANSWER_PATIENCE = Patience(tries=3, total_seconds=120, wait_seconds=1, minds_breaker=False)

# Reasoning models behind Ollama or vLLM think aloud before they answer.
_THOUGHTS = re.compile(r"\s*<think>.*?</think>\s*", re.DOTALL)


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: list[_Choice]


class OpenAIChat:
    """A model behind `POST .../chat/completions`; implements the `Chat` port.

    `url` may end in `/chat/completions`, in a version such as `/v1`, or before it. Raises ProviderNotInitialize if the
    URL or the key cannot be used.
    """

    def __init__(
        self, url: str, model: str, key: str | None, pace: Pace = SYSTEM_PACE, patience: Patience = ANSWER_PATIENCE
    ) -> None:
        target = completions_url(url)
        host = target.netloc.decode("ascii")
        self._model = model
        self._key = f"openai:{host}/{model}"
        self._patience = patience
        self._endpoint = Endpoint(str(target), key, f"Chat provider {host} (model {model})", pace)

    @property
    def key(self) -> str:
        """Name the host and the model; both decide what is answered."""
        return self._key

    def answer(self, instructions: str, text: str) -> str:
        """Return what the model writes about `text`, trimmed and never empty. Raises ModelCallFailed."""
        messages = [
            {"role": "system", "content": _sendable(instructions)},
            {"role": "user", "content": _sendable(text)},
        ]
        body = msgspec.json.encode({"model": self._model, "messages": messages, "stream": False})
        return self._endpoint.post(body, parse_answer, self._patience)

    def close(self) -> None:
        """Let go of the connections."""
        self._endpoint.close()


def completions_url(url: str) -> httpx.URL:
    """Return the address to POST to. Raises ProviderNotInitialize if it is no http(s) URL."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ProviderNotInitialize("The chat provider's URL cannot be read.") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ProviderNotInitialize("The chat provider's URL must begin with http:// or https:// and name a host.")
    path = parsed.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        has_version = any(re.fullmatch(r"v\d+\w*", part) for part in path.split("/"))
        path += "/chat/completions" if has_version else "/v1/chat/completions"
    return parsed.copy_with(path=path)


def parse_answer(content: bytes) -> str:
    """Return the text of an answer without what the model thought aloud. Raises AnswerError if there is none."""
    try:
        choices = msgspec.json.decode(content, type=_Answer).choices
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerError(f"sent an answer that is not a chat completion: {error}") from error
    written = choices[0].message.content if choices else None
    text = _THOUGHTS.sub("", written or "", count=1).strip()
    if not text:
        raise AnswerError("returned no text")
    # Half a surrogate pair can be stored nowhere.
    return _sendable(text).replace("\x00", "")


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
