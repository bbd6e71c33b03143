"""Text in the encodings that files are in."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.ingestion.extract.decode import decode_text, is_text

SIMPLIFIED = "知识库的检索方法：先分词，再建立索引。这是一个测试。"
TRADITIONAL = "知識庫的檢索方法：先分詞，再建立索引。這是一個測試。"
JAPANESE = "これは日本語の文書です。検索のテストを行います。カタカナも。"
FRENCH = "Le café où l’on n’a pas fumé, à côté de l’hôtel ; déjà vu, voilà."


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "gb18030"),
        (SIMPLIFIED, "gbk"),
        (TRADITIONAL, "big5"),
        (TRADITIONAL, "gb18030"),
        (JAPANESE, "shift_jis"),
        (FRENCH, "cp1252"),
        (SIMPLIFIED, "utf-8"),
        (FRENCH, "utf-16-le"),
        (f"{SIMPLIFIED}\n{FRENCH} and some plain English text", "utf-16-be"),
        (SIMPLIFIED, "utf-16-le"),
        (TRADITIONAL, "utf-16-be"),
        (JAPANESE, "utf-16-le"),
        ("服务器\ngpg --recv-keys", "gbk"),
        ("你好，世界", "gbk"),
        ("你好，世界", "big5"),
        ("汉字 mixed with a lot of English words, so that little speaks for it", "gbk"),
        ("résumé", "cp1252"),
        ("Übergröße, naïve Ärzte", "cp1252"),
        ("𠮷野家的汉字", "gb18030"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_decides_and_is_dropped(encoding: str) -> None:
    assert decode_text(("\ufeff" + SIMPLIFIED).encode(encoding)) == SIMPLIFIED


def test_a_declared_encoding_is_believed_if_it_fits() -> None:
    russian = '<meta charset="windows-1251"><p>Привет, мир'
    assert decode_text(russian.encode("cp1251")) == russian
    korean = '<?xml version="1.0" encoding="EUC-KR"?><a>안녕하세요'
    assert decode_text(korean.encode("cp949")) == korean
    lie = f'<meta charset="shift_jis"><p>{SIMPLIFIED}'
    assert decode_text(lie.encode("gb18030")) == lie


def test_bytes_that_mean_nothing_are_replaced() -> None:
    damaged = SIMPLIFIED.encode() + b"\xff" + SIMPLIFIED.encode()
    assert decode_text(damaged) == f"{SIMPLIFIED}\ufffd{SIMPLIFIED}"
    assert decode_text(SIMPLIFIED.encode()[:-1])[:-1] == SIMPLIFIED[:-1]
    assert decode_text(SIMPLIFIED.encode("gb18030") + b"\xff").startswith(SIMPLIFIED)


def test_nul_is_dropped() -> None:
    assert decode_text(b"a\0b") == "ab"


def test_a_large_file_in_an_old_encoding_is_found_out_by_its_beginning() -> None:
    text = f"{SIMPLIFIED}\n" * 20_000
    assert decode_text(text.encode("gb18030")) == text


@pytest.mark.parametrize(
    "content",
    [b"", b"a", b"a\0b", b"\x1b[0m colours", codecs.BOM_UTF16_LE, "汉".encode("gbk"), SIMPLIFIED.encode("utf-16-le")],
)
def test_text_is_text(content: bytes) -> None:
    assert is_text(content)


@pytest.mark.parametrize(
    "content", [bytes(100), bytes(range(256)), b"\x7fELF\2\1\1" + bytes(60), b"GIF89a" + bytes(50)]
)
def test_other_things_are_not(content: bytes) -> None:
    assert not is_text(content)


@given(st.binary(max_size=300))
def test_any_bytes_become_text_without_nul(content: bytes) -> None:
    assert "\0" not in decode_text(content)
    assert is_text(content) in {True, False}


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=100))
def test_valid_utf8_is_never_taken_for_anything_else(text: str) -> None:
    assert decode_text(text.encode()) == text
