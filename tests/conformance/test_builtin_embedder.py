"""The built-in model: the suite, and what its vectors must mean."""

import numpy as np
import pytest

from tests.conformance.embedder_suite import EmbedderSuite
from zhiku.providers.builtin import BuiltinEmbedder

PAIRS = [
    ("员工未休完的年假可以保留多久？", "未休年假最迟可保留至次年三月三十一日，逾期作废。"),
    ("How long is the warranty?", "Devices are covered against defects for twenty-four months after purchase."),
    ("how do I reset my password", "要重设密码，请在登录页点击“忘记密码”，然后按邮件中的链接操作。"),
    ("数据库怎样备份？", "To back up the database, run the backup command while the server is running."),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> BuiltinEmbedder:
    """The model, converted once a session."""
    return BuiltinEmbedder(tmp_path_factory.getbasetemp() / "builtin-models")


class TestBuiltinEmbedder(EmbedderSuite):
    """Run the suite against the built-in model."""

    @pytest.fixture
    def embedder(self, loaded: BuiltinEmbedder) -> BuiltinEmbedder:
        return loaded

    def test_a_question_is_nearest_to_its_answer_also_across_languages(self, embedder: BuiltinEmbedder) -> None:
        answers = embedder.embed_passages([answer for _, answer in PAIRS])
        cosines = np.stack([embedder.embed_query(question) for question, _ in PAIRS]) @ answers.T
        assert cosines.argmax(axis=1).tolist() == [0, 1, 2, 3]

    def test_the_floor_lies_below_related_texts(self, embedder: BuiltinEmbedder) -> None:
        for question, answer in PAIRS:
            cosine = float(embedder.embed_query(question) @ embedder.embed_passages([answer])[0])
            assert cosine > embedder.cosine_floor

    def test_questions_and_passages_are_embedded_apart(self, embedder: BuiltinEmbedder) -> None:
        text = PAIRS[0][0]
        assert float(embedder.embed_query(text) @ embedder.embed_passages([text])[0]) < 0.9999
