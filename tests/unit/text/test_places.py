"""Where the query's words stand in a text, as lexical search reads both."""

import pytest

from zhiku.text.places import find_words
from zhiku.text.words import query_words


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("password expires", "Passwords never expired: PASSWORD.", ["Passwords", "expired", "PASSWORD"]),
        ("密碼 过期", "密码九十天后過期。密码学", ["密码", "過期", "密码"]),
        ("知识库", "企業知識庫系統", ["知識庫"]),
        ("user", "getUserName user_id USER", ["User", "user", "USER"]),
        ("user name", "getUserName", ["User", "Name"]),
        ("getusername", "call getUserName()", ["getUserName"]),
        ("C++ v2.3", "c and C++, V2.3.1", ["C++", "V2.3.1"]),
        ("1024", "1,024 rows", ["1,024"]),
        ("カタカナ", "ｶﾀｶﾅ と カタカナ語", ["ｶﾀｶﾅ", "カタカナ"]),
        ("cafe", "Café, Cafe\u0301s, ca\u00adfe", ["Café", "Cafe\u0301s", "ca\u00adfe"]),
        ("full", "Ｆｕｌｌ", ["Ｆｕｌｌ"]),
        ("the of", "the end of it", []),
        ("zebra", "no such word", []),
        ("!?", "what?!", []),
        ("a", "", []),
    ],
)
def test_the_words_of_a_query_are_marked_as_they_are_written(query: str, text: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in find_words(text, frozenset(query_words(query)))] == marked


def test_many_marks_on_one_letter_take_no_longer_than_others() -> None:
    text = "e" + "\u0301" * 20_000 + " word"
    assert find_words(text, frozenset({"word"})) == [(len(text) - 4, len(text))]
