"""Characters that mean the same become the same."""

import pytest

from zhiku.text.normalize import fold, simplify, unify


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＺＨＩＫＵ　２０２６", "zhiku 2026"),
        ("資料庫檢索", "资料库检索"),
        ("繁體中文與简体中文", "繁体中文与简体中文"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("ﬁle №5 ①", "file no5 1"),
        ("STRASSE straße", "strasse strasse"),
        ("co\u00adoperate zero\u200bwidth a\u200db\ufeff", "cooperate zero width ab"),
        ("don\u2019t", "don't"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_folding_unifies_case_width_and_ligatures(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["知识库检索", "abc", "𠮷野家 \U0001f600 \U000e0041", "\ud800漢"])
def test_simplifying_keeps_positions(text: str) -> None:
    assert len(simplify(text)) == len(text)


def test_simplified_text_is_left_alone() -> None:
    text = "最高人民法院认为，本案的争议焦点是合同是否有效。\U0001f600"
    assert simplify(text) == text


def test_characters_beyond_the_table_are_left_alone() -> None:
    assert simplify("𡞵漢\U0010fffd") == "㛟汉\U0010fffd"


def test_unifying_keeps_case_and_script() -> None:
    assert unify("Ａbc 漢字") == "Abc 漢字"
