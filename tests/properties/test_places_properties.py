"""Highlights: whatever the text and the query, they are words of the query, in order, and never overlap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from zhiku.text.normalize import fold
from zhiku.text.places import find_words
from zhiku.text.words import query_words, words

PIECES = (
    "password", "Passwords", "expire", "getUserName", "user_id", "ERR_CONN_1042", "v2.3.1", "C++", "1,024", "2024",
    "密码", "密碼", "过期", "過期", "知识库管理系统", "數據庫", "张三丰", "カタカナ", "ｶﾞｲﾄﾞ", "한국어", "ภาษาไทย",
    "Cafe\u0301", "Café", "ﬁne", "①", "㍿", "Ｆｕｌｌ", "soft\u00adhyphen", "o\u200bb", "don’t", "🐙",
    "x" * 70, "か" * 70,
)  # fmt: skip
GAPS = ("", " ", "\n", ", ", "。", "-", "_", ".", "\u0301", "\u3099")
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(GAPS), st.text(max_size=4)), max_size=12).map(
    "".join
)


@given(text=TEXTS, query=TEXTS)
def test_highlights_are_ordered_and_never_empty_or_overlapping(text: str, query: str) -> None:
    found = find_words(text, frozenset(query_words(query)))
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert all(one[1] <= other[0] for one, other in pairwise(found))


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8), query=st.sampled_from(PIECES))
def test_every_highlighted_slice_has_a_word_of_the_query(pieces: list[str], query: str) -> None:
    text = " ".join(pieces)
    wanted = frozenset(query_words(query))
    for start, end in find_words(text, wanted):
        marked = text[start:end]
        assert wanted & {*words(marked), *query_words(marked), fold(marked)}, marked


@given(text=TEXTS, query=TEXTS)
def test_a_text_has_a_highlight_if_and_only_if_it_shares_a_word(text: str, query: str) -> None:
    wanted = frozenset(query_words(query))
    assert bool(find_words(text, wanted)) == bool(wanted.intersection(words(text)))
