"""Words for lexical search and keywords."""

import zlib
from itertools import product

import numpy as np
import pytest

from zhiku.text.words import (
    extract_keywords,
    hash_words,
    is_stop_word,
    keyword_hashes,
    query_hashes,
    query_keywords,
    query_words,
    read_words,
    terms_of,
    words,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("清华大学", ["清华大学", "清华", "华大", "大学"]),
        ("我来到北京", ["来到", "北京"]),
        ("知識庫", ["知识库", "知识"]),
        ("Running databases", ["run", "databas"]),
        ("ERR_CONN_1042", ["errconn1042", "err", "conn", "1042"]),
        ("v2.3.1", ["v2.3.1", "2.3.1", "2.3"]),
        ("3.14", ["3.14"]),
        ("10.0.0.1", ["10.0.0.1", "10.0.0", "10.0"]),
        ("C++ C# C++17", ["c++", "c#", "c++", "17"]),
        ("1,234,567 vs 1,2", ["1234567", "vs", "1", "2"]),
        ("gpt-4 GPT4", ["gpt4", "gpt", "gpt4"]),
        ("e-mail email", ["email", "mail", "email"]),
        ("getUserName", ["getusernam", "user", "name"]),
        ("GitHub iPhone", ["github", "iphon"]),
        ("node.js", ["node.js", "node", "js"]),
        ("AT&T", ["at&t"]),
        ("the user's, don't", ["user"]),
        ("café Müller", ["cafe", "muller"]),
        ("ＡＰＩ接口", ["api", "接口"]),
        ("カタカナ", ["カタ", "タカ", "カナ"]),
        ("한국어", ["한국", "국어"]),
        ("русский язык", ["русский", "язык"]),
        ("हिन्दी", ["हिन्दी"]),
        ("__init__", ["init"]),
        ("😀 … — !", []),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_stop_words_are_left_out() -> None:
    assert words("What is the 的 of 我们") == []
    assert is_stop_word("the")
    assert not is_stop_word("database")


def test_a_query_asks_for_the_whole_chinese_word_only() -> None:
    assert query_words("清华大学的图书馆") == ["清华大学", "图书馆"]


def test_a_query_asks_for_the_parts_of_a_long_or_unknown_chinese_word() -> None:
    assert query_words("中华人民共和国")[0] == "中华人民共和国"
    assert "人民" in query_words("中华人民共和国")


def test_stems_are_those_that_stored_words_were_made_with() -> None:
    # Real and unreal words with every ending that the algorithm knows, some of its exceptions among them.
    beginnings = ("", "y", "sk", "d", "t", "cr", "gener", "commun", "arsen", "exc", "proc", "inn", "ident")
    middles = ("", "a", "y", "ee", "ow", "ag", "ibb", "iqu", "ayx", "omm", "uct", "isl", "at", "ic", "ur")
    endings = (
        "s es ed ied ies ing ingly edly eed eedly ss us ying y ly li e ll ational tional enci anci abli entli izer "
        "ization ation ator alism iveness fulness ousness aliti iviti biliti bli ogi ogist fulli lessli icate iciti "
        "ical ful ness al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize sion tion"
    )
    stems = words("\n".join(map("".join, product(beginnings, middles, endings.split()))))
    assert len(stems) == 12462
    assert zlib.crc32("\n".join(stems).encode()) == 315800343


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("檢索", "检索"),
        ("全文检索", "全文检索系统"),
        ("gpt4", "GPT-4"),
        ("err conn", "ERR_CONN_1042"),
        ("err-conn-1042", "ERR_CONN_1042"),
        ("2.3.1", "v2.3.1"),
        ("EMAIL", "e-mail"),
        ("user name", "getUserName"),
        ("connection", "connecting"),
        ("大学", "清华大学"),
        ("검색", "검색엔진"),
    ],
)
def test_a_query_finds_other_spellings(query: str, text: str) -> None:
    assert np.isin(query_hashes(query), terms_of(text).hashes).any()


@pytest.mark.parametrize(
    "text", ["清华大学 ERR_CONN_1042 v2.3.1 getUserName C++", "中华人民共和国万岁张三丰", "café 한국어"]
)
def test_every_word_of_a_query_is_found_in_its_own_text(text: str) -> None:
    assert np.isin(query_hashes(text), terms_of(text).hashes).all()


def test_hashes_are_the_same_on_every_machine() -> None:
    assert hash_words(["知识库", "zhiku", "errconn1042"]).tolist() == [1127894224, 1790056431, 1317720337]


def test_terms_are_sorted_and_counted() -> None:
    terms = terms_of("数据 数据 database Databases")
    assert terms.hashes.dtype == terms.counts.dtype == np.uint32
    assert terms.hashes.tolist() == sorted(hash_words(["数据", "databas"]).tolist())
    assert sorted(terms.counts.tolist()) == [2, 2]


def test_a_text_without_words_has_no_terms() -> None:
    terms = terms_of(" 。… ")
    assert terms.hashes.shape == terms.counts.shape == (0,)
    assert query_hashes("").shape == (0,)
    assert keyword_hashes([]).shape == (0,)


def test_very_long_runs_become_words_of_bounded_length() -> None:
    found = words("x" * 1000 + " " + "a-" * 1000 + " " + "カ" * 200 + " " + "\u0e01" * 200)
    assert max(map(len, found)) <= 64


def test_lone_surrogates_do_no_harm() -> None:
    assert words("知识\ud800库 ok\udfff") == ["知识", "库", "ok"]


def test_keywords_are_the_telling_words_as_written() -> None:
    text = "連線錯誤 ERR_CONN_1042：資料庫連線失敗，請檢查資料庫設定。ERR_CONN_1042"
    keywords = extract_keywords(text)
    assert keywords[:3] == ["ERR_CONN_1042", "資料庫", "連線"]
    assert keywords[-3:] == ["ERR", "CONN", "1042"]


def test_keywords_leave_out_stop_words_single_characters_and_short_numbers() -> None:
    assert extract_keywords("The 的 我们 a b 好 7 42 what") == []


def test_rare_words_come_before_common_ones_and_frequent_ones_before_rare_ones() -> None:
    assert extract_keywords("people and hydroxychloroquine")[0] == "hydroxychloroquine"
    assert extract_keywords("中国 违约责任")[0] == "违约责任"
    assert extract_keywords("retrieval people people people")[0] == "people"


def test_spellings_of_one_word_are_one_keyword() -> None:
    assert extract_keywords("Databases database DATABASE") == ["Databases"]


def test_at_most_ten_keywords_besides_parts() -> None:
    text = " ".join(f"word{letter}" for letter in "abcdefghijklmnop")
    assert len(extract_keywords(text)) == 10
    assert len(extract_keywords(text, count=3)) == 3


def test_equal_weights_go_by_position() -> None:
    assert extract_keywords("zzqxa zzqxb zzqxc", count=2) == ["zzqxa", "zzqxb"]


ODD_TEXTS = [
    "",
    "Running databases, a database's DATABASE; v2.3.1 -- C++ C# +- 1,234,567 1,2 AT&T don't ERR_CONN_1042 getUserName",
    "x" * 100 + " a.b-c&d'e,f 3.14, 10.0.0.1. __init__ gpt-4 GPT4++ a..b ,5 'tis #1 1,000,00 1,000.5",
    "連線錯誤 ERR_CONN_1042：資料庫連線失敗，“it’s” café 한국어 カタカナ ไทย हिन्दी 知识\ud800库 Ａ１",
]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_what_is_read_at_once_is_what_is_read_one_by_one(text: str) -> None:
    found = read_words(text)
    assert found.keywords == extract_keywords(text)
    assert found.keyword_hashes.tolist() == keyword_hashes(found.keywords).tolist()
    hashes, counts = np.unique(hash_words(words(text)), return_counts=True)
    assert found.terms.hashes.tolist() == hashes.tolist()
    assert found.terms.counts.tolist() == counts.tolist()


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_texts_words_are_the_same_beside_another_script(text: str) -> None:
    assert words(f"{text} é") == [*words(text), "e"]


def test_words_stay_the_same_when_more_were_seen_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"word{letter} {letter * 5}" for letter in "abcdefghijklmnop")
    expected = read_words(text)
    monkeypatch.setattr("zhiku.text.words._CACHED", 3)
    for _ in range(2):
        found = read_words(text)
        assert found.keywords == expected.keywords
        assert found.terms.hashes.tolist() == expected.terms.hashes.tolist()
    assert read_words("and a last one").keywords == ["last"]


def test_query_keywords_keep_what_is_telling() -> None:
    assert query_keywords("如何检索知识库 the C++") == ["检索", "知识库", "C++"]
    assert query_keywords("猫") == ["猫"]
    assert query_keywords("the") == []


def test_a_querys_keywords_meet_a_segments() -> None:
    held = keyword_hashes(extract_keywords("合同纠纷：ERR_CONN_1042 databases"))
    for query in ("合同", "database", "err_conn_1042", "ERR"):
        assert np.isin(keyword_hashes(query_keywords(query)), held).all(), query


def test_keywords_of_several_words_match_each_word() -> None:
    held = keyword_hashes(["machine learning"])
    assert np.isin(keyword_hashes(query_keywords("learning machines")), held).all()
