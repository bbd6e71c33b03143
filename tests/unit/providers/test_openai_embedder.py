"""How the OpenAI-compatible embedder calls, waits, gives up and explains."""

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from tests.embedding_server import EmbeddingServer, Fault, text_vector
from tests.fake_clock import FakeClock
from zhiku.errors import ModelCallFailed, ProviderNotInitialize
from zhiku.providers.endpoint import JOB_PATIENCE, REQUEST_PATIENCE, Pace
from zhiku.providers.openai import OpenAIEmbedder

KEY = "sk-very-secret"


class HandTime(FakeClock):
    """Time that passes only when someone sleeps; `slept` are the waits."""

    def __init__(self) -> None:
        super().__init__(1_800_000_000.0)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as running:
        yield running


@pytest.fixture
def hand_time() -> HandTime:
    return HandTime()


@pytest.fixture
def embedder(server: EmbeddingServer, hand_time: HandTime) -> Iterator[OpenAIEmbedder]:
    made = OpenAIEmbedder(server.url, "test", KEY, Pace(clock=hand_time, sleep=hand_time.sleep, jitter=lambda: 0.5))
    yield made
    made.close()


def test_many_texts_are_sent_in_batches_and_come_back_in_order(
    server: EmbeddingServer, embedder: OpenAIEmbedder
) -> None:
    texts = [f"text number {number}" for number in range(70)]
    vectors = embedder.embed_passages(texts)
    assert [len(call.texts) for call in server.calls] == [32, 32, 6]
    expected = np.array([text_vector(text, 384) for text in texts]) / 3
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def test_long_texts_are_sent_in_smaller_batches(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    embedder.embed_passages(["字" * 30_000, "字" * 30_000, "字" * 30_000, "字" * 100_000])
    assert [len(call.texts) for call in server.calls] == [2, 1, 1]


def test_the_key_and_the_model_are_sent(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    embedder.embed_query("hello")
    assert server.calls[0].authorization == f"Bearer {KEY}"
    assert server.calls[0].model == "test"


def test_without_a_key_none_is_sent(server: EmbeddingServer) -> None:
    with closing(OpenAIEmbedder(server.url, "test", None)) as embedder:
        embedder.embed_query("hello")
    assert server.calls[0].authorization is None


def test_the_dimension_is_asked_once(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    assert (embedder.dimension, embedder.dimension) == (384, 384)
    assert len(server.calls) == 1


def test_a_first_vector_tells_the_dimension(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    embedder.embed_query("hello")
    assert embedder.dimension == 384
    assert len(server.calls) == 1


def test_vectors_in_base64_are_the_same(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    plain = embedder.embed_query("hello world")
    server.speaks_base64 = True
    np.testing.assert_allclose(embedder.embed_query("hello world"), plain, atol=1e-6)


@pytest.mark.parametrize("text", ["", "half a pair \ud800", "NUL \x00", "😀"])
def test_any_text_can_be_sent(embedder: OpenAIEmbedder, text: str) -> None:
    assert embedder.embed_query(text).shape == (384,)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.SERVER_ERROR,
        Fault.RATE_LIMIT,
        Fault.HANG_UP,
        Fault.NOT_FINITE,
        Fault.ZERO,
        Fault.TOO_FEW,
        Fault.NOT_JSON,
        Fault.BAD_INDEX,
    ],
)
def test_a_passing_fault_is_overcome(server: EmbeddingServer, embedder: OpenAIEmbedder, fault: Fault) -> None:
    server.fail(fault, fault)
    assert embedder.embed_passages(["a", "b"]).shape == (2, 384)
    assert len(server.calls) == 3


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.SERVER_ERROR, r"answered 500: the model fell over \(tried 4 times\)"),
        (Fault.RATE_LIMIT, r"answered 429: too many requests \(tried 4 times\)"),
        (Fault.BAD_GATEWAY, r"answered 502: 502 Bad Gateway \(tried"),
        (Fault.HANG_UP, r"broke off the connection"),
        (Fault.TOO_FEW, r"returned 1 vectors for 2 texts"),
        (Fault.ZERO, r"returned a vector of zeros"),
        (Fault.BAD_INDEX, r"index does not match"),
        (Fault.NOT_JSON, r"not a list of embeddings"),
    ],
)
def test_a_lasting_fault_ends_with_the_provider_and_the_cause(
    server: EmbeddingServer, embedder: OpenAIEmbedder, fault: Fault, says: str
) -> None:
    server.standing_fault = fault
    with pytest.raises(ModelCallFailed, match=rf"^Embedding provider 127.0.0.1:{server.port} \(model test\) .*{says}"):
        embedder.embed_passages(["a", "b"])
    assert len(server.calls) == JOB_PATIENCE.tries


def test_waits_double_from_one_attempt_to_the_next(
    server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime
) -> None:
    server.standing_fault = Fault.SERVER_ERROR
    with pytest.raises(ModelCallFailed):
        embedder.embed_passages(["a"])
    assert hand_time.slept == [1, 2, 4]


def test_a_query_is_given_up_early(server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime) -> None:
    server.standing_fault = Fault.SERVER_ERROR
    with pytest.raises(ModelCallFailed):
        embedder.embed_query("a")
    assert len(server.calls) == REQUEST_PATIENCE.tries
    assert sum(hand_time.slept) < 1


@pytest.mark.parametrize("asked", ["7", "Fri, 15 Jan 2027 08:00:07 GMT"])
def test_the_wait_that_the_provider_asks_for_is_kept(
    server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime, asked: str
) -> None:
    server.retry_after = asked
    server.fail(Fault.RATE_LIMIT)
    embedder.embed_passages(["a"])
    assert hand_time.slept == [7]


def test_a_wait_beyond_patience_is_not_begun(
    server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime
) -> None:
    server.retry_after = "3600"
    server.standing_fault = Fault.RATE_LIMIT
    with pytest.raises(ModelCallFailed, match="answered 429"):
        embedder.embed_passages(["a"])
    assert hand_time.slept == []


def test_a_refused_key_is_not_tried_again_nor_told(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    server.standing_fault = Fault.BAD_KEY
    with pytest.raises(ModelCallFailed, match="answered 401: Incorrect API key") as caught:
        embedder.embed_passages(["a", "b"])
    assert len(server.calls) == 1
    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_neither_keys_nor_texts_are_logged(
    server: EmbeddingServer, embedder: OpenAIEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail(Fault.SERVER_ERROR, Fault.BAD_KEY)
    with caplog.at_level(logging.DEBUG), pytest.raises(ModelCallFailed):
        embedder.embed_passages(["a private sentence"])
    assert KEY not in caplog.text
    assert "private sentence" not in caplog.text


def test_blanks_around_a_key_do_not_matter(server: EmbeddingServer) -> None:
    with closing(OpenAIEmbedder(server.url, "test", f" {KEY}\n")) as embedder:
        embedder.embed_query("hello")
    assert server.calls[0].authorization == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["sk-a\nb", "密钥"])
def test_a_key_that_no_header_can_carry_is_refused_without_telling_it(key: str) -> None:
    with pytest.raises(ProviderNotInitialize) as caught:
        OpenAIEmbedder("http://127.0.0.1:9", "test", key)
    assert key not in str(caught.value)


def test_another_dimension_than_before_is_a_failure(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    embedder.embed_query("a")
    server.standing_fault = Fault.WRONG_DIMENSION
    with pytest.raises(ModelCallFailed, match="vectors of 385 numbers where it returned 384 before"):
        embedder.embed_passages(["a"])


def test_a_provider_that_takes_few_texts_a_call_gets_few(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    server.max_texts = 10
    texts = [f"text {number}" for number in range(64)]
    expected = np.array([text_vector(text, 384) for text in texts]) / 3
    np.testing.assert_allclose(embedder.embed_passages(texts), expected, atol=1e-6)
    server.calls.clear()
    embedder.embed_passages(texts)
    assert [len(call.texts) for call in server.calls] == [8] * 8


def test_one_text_that_is_refused_is_named_by_the_provider(server: EmbeddingServer, embedder: OpenAIEmbedder) -> None:
    server.standing_fault = Fault.BAD_REQUEST
    with pytest.raises(ModelCallFailed, match="answered 400: input is too long"):
        embedder.embed_passages(["a", "b", "c", "d"])
    assert [len(call.texts) for call in server.calls] == [4, 2, 1]


def test_a_provider_that_does_not_answer_is_given_up_and_asked_for_less(
    server: EmbeddingServer, hand_time: HandTime
) -> None:
    patience = replace(JOB_PATIENCE, tries=1, total_seconds=1)
    pace = Pace(job=patience, clock=hand_time, sleep=hand_time.sleep)
    server.fail(Fault.SLOW)
    with closing(OpenAIEmbedder(server.url, "test", None, pace)) as embedder:
        with pytest.raises(ModelCallFailed, match="did not answer in time"):
            embedder.embed_passages(["a", "b"])
        embedder.embed_passages(["a", "b"])
    assert [len(call.texts) for call in server.calls] == [2, 1, 1]


def test_nobody_listening_is_a_failure_that_says_so(hand_time: HandTime) -> None:
    with EmbeddingServer() as gone:
        url = gone.url
    embedder = OpenAIEmbedder(url, "test", None, Pace(clock=hand_time, sleep=hand_time.sleep))
    with closing(embedder), pytest.raises(ModelCallFailed, match=r"could not be reached: .*refused"):
        embedder.embed_query("a")


def test_queries_fail_at_once_while_the_provider_is_down(
    server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime
) -> None:
    server.standing_fault = Fault.SERVER_ERROR
    for _ in range(3):
        with pytest.raises(ModelCallFailed):
            embedder.embed_query("a")
    calls = len(server.calls)
    with pytest.raises(ModelCallFailed, match=r"answered 500: the model fell over \(not tried again"):
        embedder.embed_query("a")
    assert len(server.calls) == calls

    server.standing_fault = None
    assert embedder.embed_passages(["jobs go on trying"]).shape == (1, 384)
    assert embedder.embed_query("and their success lets queries through").shape == (384,)


def test_a_query_probes_after_a_pause(server: EmbeddingServer, embedder: OpenAIEmbedder, hand_time: HandTime) -> None:
    server.standing_fault = Fault.SERVER_ERROR
    for _ in range(3):
        with pytest.raises(ModelCallFailed):
            embedder.embed_query("a")
    server.standing_fault = None
    hand_time.advance(10)
    assert embedder.embed_query("a").shape == (384,)
