"""What every embedder promises; a subclass gives the embedder."""

from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zhiku.providers.base import Embedder

TEXTS = ["年假可以保留多久？", "The warranty covers two years.", "混合 mixed 文本 with `code_1`", "第二段"]
ODD_TEXTS = [
    "",
    " \u3000\t\r\n ",
    "\0",
    "a\0b",
    "👨‍👩‍👧‍👦🏳️‍🌈🇨🇳",
    "\ud800",
    "before \udfff after",
    "\ufeff\u200b\u200d\u2028",
    "e\u0301 \u0301 ﷺ \U0010ffff \ue000",
    "</s><mask>",
]


class EmbedderSuite:
    """Run against each implementation."""

    @pytest.fixture
    @abstractmethod
    def embedder(self) -> Embedder:
        """Return the embedder, ready to be asked."""

    def test_a_passage_becomes_a_unit_vector_of_the_stated_dimension(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(TEXTS)
        assert vectors.shape == (len(TEXTS), embedder.dimension)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)

    def test_a_query_becomes_a_unit_vector_of_the_stated_dimension(self, embedder: Embedder) -> None:
        vector = embedder.embed_query(TEXTS[0])
        assert vector.shape == (embedder.dimension,)
        assert vector.dtype == np.float32
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-5)

    def test_vectors_come_in_the_order_of_the_texts(self, embedder: Embedder) -> None:
        forward = embedder.embed_passages(TEXTS)
        backward = embedder.embed_passages(TEXTS[::-1])
        np.testing.assert_array_equal(forward, backward[::-1])

    def test_different_texts_have_different_vectors(self, embedder: Embedder) -> None:
        vectors = embedder.embed_passages(TEXTS)
        cosines = vectors @ vectors.T - 2 * np.eye(len(TEXTS))
        assert float(cosines.max()) < 0.999

    def test_a_text_has_the_same_vector_every_time(self, embedder: Embedder) -> None:
        np.testing.assert_array_equal(embedder.embed_passages(TEXTS), embedder.embed_passages(TEXTS))
        np.testing.assert_array_equal(embedder.embed_query(TEXTS[1]), embedder.embed_query(TEXTS[1]))

    def test_a_texts_vector_does_not_depend_on_its_neighbours(self, embedder: Embedder) -> None:
        together = embedder.embed_passages([*TEXTS, "a neighbour of another length " * 40])
        alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
        np.testing.assert_array_equal(together[: len(TEXTS)], alone)

    def test_no_texts_give_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed_passages([]).shape == (0, embedder.dimension)

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
    def test_an_odd_text_is_a_text_too(self, embedder: Embedder, text: str) -> None:
        vectors = np.stack([embedder.embed_query(text), *embedder.embed_passages([text, TEXTS[0]])])
        assert np.isfinite(vectors).all()
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)

    def test_the_end_of_a_very_long_text_counts(self, embedder: Embedder) -> None:
        head = "The archive is open on weekdays from nine to five. " * 150
        short, long = embedder.embed_passages([head, head + "鲸鱼是生活在海洋中的哺乳动物。" * 100])
        assert float(np.linalg.norm(long)) == pytest.approx(1, abs=1e-5)
        assert float(short @ long) < 0.999

    def test_several_threads_get_what_one_gets(self, embedder: Embedder) -> None:
        expected = embedder.embed_passages(TEXTS)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(embedder.embed_passages, [[text] for text in TEXTS * 4]))
        np.testing.assert_array_equal(np.concatenate(answers), np.concatenate([expected] * 4))

    def test_the_key_is_stable_and_scores_can_be_made(self, embedder: Embedder) -> None:
        assert embedder.key
        assert embedder.key == embedder.key
        assert 0 <= embedder.cosine_floor < 1
        assert embedder.batch_size >= 1
