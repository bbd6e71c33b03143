"""Asks the chat model about many texts at once, within a document's bound of tokens; what fails is told, not raised."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.base import Chat
from zhiku.runtime import Runtime
from zhiku.text.tokens import count_tokens

# How often a waiting caller looks whether it should stop.
LOOK_SECONDS = 0.5
# A provider that fails for this many batches in a row is not asked about the rest of a document.
BATCHES_OF_PATIENCE = 2

NO_MODEL = "no chat model is configured; set ZHIKU_CHAT_URL and ZHIKU_CHAT_MODEL, then update the document"
NOT_SERVED = "the chat model {model} is not configured; choose another in the dataset's settings"
NO_TOKENS = "the bound of ZHIKU_CHAT_TOKENS_PER_DOCUMENT was reached"


@dataclass
class Tally:
    """What a document has had of the chat model so far; a checkpoint keeps it.

    `spent_tokens` counts what was sent and what came back, `fell_back` the texts that went without an answer, of which
    `reason` tells about the last; `failed_batches` is how many batches in a row brought nothing.
    """

    spent_tokens: int = 0
    asked: int = 0
    fell_back: int = 0
    failed_batches: int = 0
    reason: str = ""


class Writer:
    """The chat model with what it is told to do and what it may cost; `chat` is None where there is none.

    `tally` begins where an interrupted run ended.
    """

    def __init__(self, rt: Runtime, chat: Chat | None, instructions: str, tally: Tally) -> None:
        self.chat = chat
        self.instructions = instructions
        self.tally = tally
        self._limit = rt.settings.chat_tokens_per_document
        self._instruction_tokens = count_tokens(instructions)
        self.batch_size = rt.settings.chat_concurrency

    def answer_all(self, texts: Sequence[str], check: Callable[[], None]) -> list[str | None]:
        """Return what the model says about each of at most `batch_size` texts; None, with the reason in the tally.

        `check` is called while the model is at work, and ends the wait by raising.
        """
        self.tally.asked += len(texts)
        chat = self.chat
        if chat is None or self.tally.failed_batches >= BATCHES_OF_PATIENCE:
            return [self.fall_back() for _ in texts]
        affordable = [self._is_affordable(text) for text in texts]
        asked = [text for text, is_affordable in zip(texts, affordable, strict=True) if is_affordable]
        said = iter(self._ask(chat, asked, check))
        return [next(said) if is_affordable else self.fall_back(NO_TOKENS) for is_affordable in affordable]

    def count_known(self, text: str, answer: str) -> None:
        """Count an answer that was paid for before, so that the bound means the same after an interruption."""
        self.tally.asked += 1
        self.tally.spent_tokens += self._instruction_tokens + count_tokens(text) + count_tokens(answer)

    def fall_back(self, reason: str | None = None) -> None:
        """Note that a text goes without an answer."""
        self.tally.fell_back += 1
        self.tally.reason = reason or self.tally.reason

    def _is_affordable(self, text: str) -> bool:
        """Count what a call sends; its answer is counted when it has come."""
        tokens = self._instruction_tokens + count_tokens(text)
        if self._limit and self.tally.spent_tokens + tokens > self._limit:
            return False
        self.tally.spent_tokens += tokens
        return True

    def _ask(self, chat: Chat, texts: Sequence[str], check: Callable[[], None]) -> list[str | None]:
        if not texts:
            return []
        threads = ThreadPoolExecutor(len(texts), thread_name_prefix="zhiku-chat")
        try:
            calls = [threads.submit(chat.answer, self.instructions, text) for text in texts]
            while wait(calls, timeout=LOOK_SECONDS).not_done:
                check()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
        said = [self._result(call) for call in calls]
        self.tally.failed_batches = 0 if any(said) else self.tally.failed_batches + 1
        return said

    def _result(self, call: Future[str]) -> str | None:
        try:
            answer = call.result()
        except ModelCallFailed as error:
            return self.fall_back(str(error))
        self.tally.spent_tokens += count_tokens(answer)
        return answer


def make_writer(
    rt: Runtime, name: tuple[str | None, str | None], instructions: str, tally: Tally | None = None
) -> Writer:
    """Return what asks the chat model that `name`, a provider and a model, means; empty for the one that is served."""
    tally = tally or Tally()
    try:
        chat = rt.models.find_chat(*name)
        if chat is None:
            tally.reason = NOT_SERVED.format(model=name[1]) if rt.models.list_chats() else NO_MODEL
    except ProviderNotInitialize as error:
        chat, tally.reason = None, str(error)
    return Writer(rt, chat, instructions, tally)
