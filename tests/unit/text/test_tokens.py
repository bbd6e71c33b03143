"""Token counts by o200k_base."""

import sys

import pytest

from zhiku.text.tokens import count_tokens, count_tokens_many, has_more_tokens, token_rank


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("hello world", 2), ("hello 你好", 3), ("<|endoftext|>", 7), ("a" * 8, 1), ("1234567", 3)],
)
def test_counts_of_known_texts(text: str, count: int) -> None:
    assert count_tokens(text) == count


def test_500_chinese_characters_stay_under_500_tokens() -> None:
    text = "最高人民法院认为，本案的争议焦点是合同是否有效以及违约责任如何承担。" * 20
    assert count_tokens(text[:500]) < 500


def test_texts_beyond_200_000_tokens_are_counted() -> None:
    assert count_tokens("知 " * 300_000) >= 300_000


def test_many_texts_are_counted_in_order() -> None:
    assert count_tokens_many(["hello world", "", "hello"]) == [2, 0, 1]


def test_a_lone_surrogate_counts_as_a_replacement_character() -> None:
    assert count_tokens("a\ud800b") == count_tokens("a\ufffdb")
    assert has_more_tokens("a\ud800b" * 10, 5)


@pytest.mark.parametrize("text", ["hello world", "知识库检索", "\U0001fad8" * 5, "a" * 100])
def test_the_bound_agrees_with_the_count(text: str) -> None:
    count = count_tokens(text)
    assert not has_more_tokens(text, count)
    assert has_more_tokens(text, count - 1)


def test_commoner_words_have_lower_ranks() -> None:
    assert token_rank("the") < token_rank("database") < token_rank("retrieval") < token_rank("hydroxychloroquine")


def test_counting_does_not_load_the_package_around_the_counter() -> None:
    count_tokens("hello")
    assert "bpe_openai" not in sys.modules
