"""Pairs of questions and answers in texts, in rows, and in what a chat model lists (contract 4.6)."""

import pytest

from zhiku.ingestion.pairs import find_pairs, find_row_pairs, read_numbered_pairs
from zhiku.segments.make import Piece


def pairs(found: list[Piece]) -> list[tuple[str, str | None]]:
    return [(piece.content, piece.answer) for piece in found]


def test_explicit_pairs_are_found_in_both_languages() -> None:
    text = "Q1: Who?\nA1: Owls,\nat night.\n问：谁？\n答： 猫头鹰\nQ：none\nQ: last\nA: one"
    assert pairs(find_pairs([text])) == [("Who?", "Owls,\nat night."), ("谁？", "猫头鹰"), ("last", "one")]


@pytest.mark.parametrize(
    "listed",
    [
        "Q1: Who hunts?\nA1: Owls do.\nQ2: When?\nA2: At night.",
        "Here you are:\n\n**Q1:** Who hunts?\n**A1:** Owls do.\n\n**Q2: When?**\n**A2: At night.**",
        "1. Question: Who hunts?\n   Answer: Owls do.\n2. Question: When?\n   Answer: At night.",
        "### Q1：Who hunts?\nA1：Owls do.\n\n### Q2：When?\nA2：At night.",
        "问题1：Who hunts?\n答案1：Owls do.\n问题2：When?\n答案2：At night.",
    ],
)
def test_numbered_pairs_are_read_however_a_model_marks_them(listed: str) -> None:
    assert pairs(read_numbered_pairs(listed)) == [("Who hunts?", "Owls do."), ("When?", "At night.")]


@pytest.mark.parametrize(
    "listed", ["", "Owls hunt at night.", "Q1: Who?", "A1: Owls.", "Q1:\nA1: Owls.", "Q1: Who?\nA1:  "]
)
def test_a_pair_without_one_of_its_sides_is_none(listed: str) -> None:
    assert read_numbered_pairs(listed) == []


def test_the_first_two_columns_of_rows_are_pairs() -> None:
    rows = '"question":"Who?";"answer":"Owls: "the" night\'s";"page":"3";\n"question":"When?";"answer":"At night";'
    assert pairs(find_row_pairs(rows)) == [("Who?", 'Owls: "the" night\'s'), ("When?", "At night")]


def test_columns_of_one_name_are_told_apart_by_their_places() -> None:
    assert pairs(find_row_pairs('"":"Who?";"":"Owls";\n"":"alone";')) == [("Who?", "Owls")]


def test_rows_that_lack_a_side_are_left_out() -> None:
    rows = '"q":"Who?";"a":"Owls";\n"q":"alone";\n"a":"silent";'
    assert pairs(find_row_pairs(rows)) == [("Who?", "Owls")]


@pytest.mark.parametrize("text", ["", '"q":"Who?";', 'Owls.\n"q":"Who?";"a":"Owls";', '{"q": "Who?", "a": "Owls"}'])
def test_other_texts_have_no_row_pairs(text: str) -> None:
    assert find_row_pairs(text) == []
