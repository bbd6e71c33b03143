"""Token counts by OpenAI's o200k_base vocabulary, which comes with the bpe-openai package."""

from collections.abc import Iterable
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Protocol, cast

# The vocabulary begins with the single bytes; merges follow, the commonest first.
_BYTES = 256
_VOCABULARY = 199_998


class _Counter(Protocol):
    def encode(self, text: str) -> list[int]: ...
    def count(self, text: str) -> int: ...
    def count_till_limit(self, text: str, token_limit: int) -> int | None: ...


def count_tokens(text: str) -> int:
    """Return how many o200k_base tokens `text` has; a lone surrogate counts as U+FFFD. Any length will do."""
    if not text:
        return 0
    try:
        return _counter().count(text)
    except UnicodeEncodeError:
        return _counter().count(_encodable(text))


def count_tokens_many(texts: Iterable[str]) -> list[int]:
    """Return the token count of each text, in order."""
    return [count_tokens(text) for text in texts]


def has_more_tokens(text: str, limit: int) -> bool:
    """Whether `text` has more than `limit` tokens; cheap when its length answers that."""
    # A token is one byte of UTF-8 or more.
    if len(text) * (1 if text.isascii() else 4) <= limit:
        return False
    try:
        return _counter().count_till_limit(text, limit) is None
    except UnicodeEncodeError:
        return _counter().count_till_limit(_encodable(text), limit) is None


def token_rank(word: str) -> int:
    """Return a word's place in the vocabulary, the commonest first; the vocabulary's size if it is several tokens."""
    tokens = _counter().encode(f" {word}")
    return max(1, tokens[0] - _BYTES) if len(tokens) == 1 else _VOCABULARY


def _encodable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@cache
def _counter() -> _Counter:
    # The compiled part is loaded without the package around it: importing bpe_openai reads three vocabularies
    # into Python dictionaries, which costs .7 s and 76 MB and counts nothing (measured with 0.1.4).
    package = find_spec("bpe_openai")
    locations = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec("_bindings", locations)
    if spec is None or spec.loader is None:
        raise ImportError("bpe_openai has no compiled part for this platform")
    bindings = module_from_spec(spec)
    spec.loader.exec_module(bindings)
    return cast("_Counter", bindings.tokenizer_for_encoding("o200k_base"))
