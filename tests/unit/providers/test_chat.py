"""How the OpenAI-compatible chat model calls, waits, gives up and explains."""

import logging
from collections.abc import Iterator

import pytest

from tests.chat_server import Asked, ChatServer
from tests.fake_clock import FakeClock
from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.chat import OpenAIChat, completions_url, parse_answer
from zhiku.providers.endpoint import AnswerError, Pace

KEY = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(write=lambda asked: f" about {asked.text} ") as running:
        yield running


@pytest.fixture
def chat(server: ChatServer, clock: FakeClock) -> Iterator[OpenAIChat]:
    made = OpenAIChat(server.url, "writer", KEY, Pace(clock=clock, sleep=clock.advance, jitter=lambda: 0.5))
    yield made
    made.close()


def test_a_text_is_sent_with_the_instructions_and_the_key(server: ChatServer, chat: OpenAIChat) -> None:
    assert chat.answer("Be short.", "owls") == "about owls"
    assert server.asked == [Asked("/v1/chat/completions", "writer", "Be short.", "owls", f"Bearer {KEY}")]
    assert chat.key == f"openai:127.0.0.1:{server.port}/writer"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(server: ChatServer, chat: OpenAIChat, status: int) -> None:
    server.failures.extend([status, status])
    assert chat.answer("Be short.", "owls") == "about owls"
    assert len(server.asked) == 3


def test_a_lasting_failure_names_the_provider_and_never_the_key(
    server: ChatServer, chat: OpenAIChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for status, tries in ((500, 3), (401, 1)):
        server.asked.clear()
        server.standing_failure = status
        words = rf"Chat provider 127.0.0.1:\d+ \(model writer\) answered {status}"
        with pytest.raises(ModelCallFailed, match=words) as told:
            chat.answer("Be short.", "owls")
        assert len(server.asked) == tries
        assert KEY not in str(told.value)
    assert KEY not in caplog.text


@pytest.mark.parametrize("text", ["", "  \n", "<think>hm</think>\n "])
def test_an_answer_without_text_is_a_failure(server: ChatServer, chat: OpenAIChat, text: str) -> None:
    server.write = lambda _: text
    with pytest.raises(ModelCallFailed, match="returned no text"):
        chat.answer("Be short.", "owls")


def test_what_a_model_thinks_aloud_is_left_out() -> None:
    content = b'{"choices": [{"message": {"content": "<think>Owls? <b>Birds</b>.</think>\\n\\nBirds of the night."}}]}'
    assert parse_answer(content) == "Birds of the night."


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"choices": []}', b'{"choices": [{"message": {}}]}', b"\xff"])
def test_what_is_no_chat_completion_is_refused(content: bytes) -> None:
    with pytest.raises(AnswerError):
        parse_answer(content)


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_be_given_in_part(given: str) -> None:
    assert str(completions_url("http://models.example" + given)) == "http://models.example/v1/chat/completions"


def test_a_path_with_a_version_is_kept() -> None:
    url = completions_url("https://models.example/compatible-mode/v1")
    assert url.path == "/compatible-mode/v1/chat/completions"


@pytest.mark.parametrize("given", ["models.example", "ftp://models.example", "http://"])
def test_an_address_without_scheme_or_host_is_refused(given: str) -> None:
    with pytest.raises(ProviderNotInitialize):
        completions_url(given)
