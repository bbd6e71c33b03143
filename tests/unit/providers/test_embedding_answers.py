"""What is read from an embeddings endpoint's answer, and where requests go."""

import base64
import json

import numpy as np
import pytest

from zhiku.errors import ProviderNotInitialize
from zhiku.providers.endpoint import AnswerError
from zhiku.providers.openai import embeddings_url, parse_vectors


def answer(*items: object) -> bytes:
    return json.dumps({"data": items}).encode()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/embeddings"),
        ("http://localhost:11434/", "http://localhost:11434/v1/embeddings"),
        ("https://api.example.com/v1", "https://api.example.com/v1/embeddings"),
        (" https://api.example.com/v1/ ", "https://api.example.com/v1/embeddings"),
        ("https://api.example.com/v1/embeddings", "https://api.example.com/v1/embeddings"),
        ("https://api.example.com/v1/embeddings/", "https://api.example.com/v1/embeddings"),
        ("https://api.example.com/api/paas/v4", "https://api.example.com/api/paas/v4/embeddings"),
        ("https://api.example.com/v1beta/openai", "https://api.example.com/v1beta/openai/embeddings"),
        ("https://api.example.com/x?api-version=2", "https://api.example.com/x/v1/embeddings?api-version=2"),
    ],
)
def test_the_url_may_end_anywhere(given: str, expected: str) -> None:
    assert str(embeddings_url(given)) == expected


@pytest.mark.parametrize(
    "given", ["", "localhost:11434", "ftp://example.com", "http://", "http://h\x00st", "file:///etc"]
)
def test_what_is_no_http_url_is_refused(given: str) -> None:
    with pytest.raises(ProviderNotInitialize):
        embeddings_url(given)


def test_vectors_come_in_the_order_of_the_index_and_of_unit_length() -> None:
    got = parse_vectors(answer({"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}), 2)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, [[0.6, 0.8], [0, 1]], atol=1e-7)


def test_without_an_index_the_order_of_the_answer_counts() -> None:
    got = parse_vectors(answer({"embedding": [0, 1]}, {"embedding": [1, 0]}), 2)
    np.testing.assert_allclose(got, [[0, 1], [1, 0]])


def test_base64_is_read_as_little_endian_floats() -> None:
    coded = base64.b64encode(np.array([3, 4], dtype="<f4").tobytes()).decode()
    np.testing.assert_allclose(parse_vectors(answer({"index": 0, "embedding": coded}), 1), [[0.6, 0.8]], atol=1e-7)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a list of embeddings"),
        (b"<html>", "not a list of embeddings"),
        (b"\xff\xfe", "not a list of embeddings"),
        (b"[" * 100_000, "not a list of embeddings"),
        (b'{"error": "x"}', "not a list of embeddings"),
        (b'{"data": [{"embedding": [NaN]}]}', "not a list of embeddings"),
        (b'{"data": [{"embedding": [null]}]}', "not a list of embeddings"),
        (answer(), "0 vectors for 1 texts"),
        (answer({"embedding": [1]}, {"embedding": [1]}), "2 vectors for 1 texts"),
        (answer({"embedding": []}), "different lengths or none"),
        (answer({"embedding": [0.0, 0.0]}), "zeros"),
        (answer({"embedding": "****"}), "neither numbers nor base64"),
        (answer({"embedding": "AAA="}), "neither numbers nor base64"),
        (answer({"embedding": "AADAfw=="}), "not finite"),
        (answer({"index": 1, "embedding": [1.0]}), "index"),
    ],
)
def test_an_unusable_answer_is_described(content: bytes, says: str) -> None:
    with pytest.raises(AnswerError, match=says):
        parse_vectors(content, 1)


@pytest.mark.parametrize(
    "items",
    [
        [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}],
        [{"index": 0, "embedding": [1]}, {"embedding": [1]}],
        [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}],
    ],
)
def test_two_vectors_that_do_not_fit_two_texts_are_unusable(items: list[object]) -> None:
    with pytest.raises(AnswerError):
        parse_vectors(answer(*items), 2)
