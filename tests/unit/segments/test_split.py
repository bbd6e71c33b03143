"""Cutting, sentence by sentence of the contract's 4.4."""

from itertools import pairwise

import pytest

from zhiku.documents.rules import ProcessRule, Segmentation, automatic_rule, hierarchical_default_rule
from zhiku.errors import DocumentUnreadable
from zhiku.segments.split import split_children, split_text
from zhiku.text.tokens import count_tokens


def custom(separator: str, max_tokens: int, overlap: int = 0) -> ProcessRule:
    return ProcessRule("custom", (), Segmentation(separator, max_tokens, overlap))


def test_every_separator_is_a_boundary_and_disappears() -> None:
    assert split_text("一\n二\n\n三\n", custom("\n", 100)) == ["一", "二", "三"]
    assert split_text("one###two # ###three", custom("###", 100)) == ["one", "two #", "three"]


def test_separators_are_literal_text() -> None:
    assert split_text("a.b*c.*d", custom(".*", 100)) == ["a.b*c", "d"]


def test_short_pieces_are_not_merged() -> None:
    assert split_text("a\n\nb\n\nc", custom("\n\n", 1000, 10)) == ["a", "b", "c"]


def test_a_text_without_the_separator_that_fits_is_one_segment() -> None:
    assert split_text("no such thing\nhere", custom("***", 100)) == ["no such thing\nhere"]


@pytest.mark.parametrize("text", ["", " \n\t ", "\n\n\n", ".", "。", " 。 ", "."])
def test_a_text_without_words_has_no_segments(text: str) -> None:
    assert split_text(text, custom("\n", 100)) == []
    assert split_text(text, automatic_rule()) == []


def test_segments_are_trimmed_and_lose_one_leading_full_stop() -> None:
    text = "  a \n。 b\n. c\n..d\n。。e\n# f\n「g」\n，h"
    assert split_text(text, custom("\n", 100)) == ["a", "b", "c", ".d", "。e", "# f", "「g」", "，h"]


def test_a_piece_of_exactly_the_size_is_one_segment() -> None:
    assert split_text("abcde\nabcdef", custom("\n", 5)) == ["abcde", "abcde", "f"]


def test_a_long_piece_is_cut_at_blank_lines_first() -> None:
    text = "aaaa bb.\ncc\n\ndddd eeee"
    assert split_text(text, custom("#", 15)) == ["aaaa bb.\ncc", "dddd eeee"]


def test_a_long_piece_is_cut_at_line_ends_before_sentences() -> None:
    assert split_text("一二。三四\n五六。七八", custom("#", 8)) == ["一二。三四", "五六。七八"]


def test_chinese_and_western_sentence_ends_stay_with_their_sentence() -> None:
    assert split_text("一二三。四五！六七？八九；十", custom("#", 5)) == ["一二三。", "四五！", "六七？", "八九；十"]
    assert split_text("Ab cd. Ef gh! Ij kl? Mn", custom("#", 8)) == ["Ab cd.", "Ef gh!", "Ij kl?", "Mn"]


def test_a_full_stop_within_a_word_is_no_boundary() -> None:
    assert split_text("v1.2.3 is out", custom("#", 8)) == ["v1.2.3", "is out"]


def test_fragments_are_merged_as_long_as_they_fit() -> None:
    assert split_text("aa bb cc dd ee", custom("#", 6)) == ["aa bb", "cc dd", "ee"]


def test_the_overlap_is_made_of_whole_fragments_of_the_same_piece() -> None:
    assert split_text("aa bb cc dd ee", custom("#", 9, 3)) == ["aa bb cc", "cc dd ee"]
    assert split_text("aa bb cc dd\nxx yy", custom("\n", 9, 3)) == ["aa bb cc", "cc dd", "xx yy"]


def test_the_overlap_is_dropped_where_the_next_fragment_would_not_fit() -> None:
    assert split_text("aa bbbbbb cc", custom("#", 9, 8)) == ["aa", "bbbbbb cc"]


def test_a_fragment_that_is_too_long_is_cut_with_finer_boundaries() -> None:
    text = "短句。\n" + "一二三四。五六七八。九十"
    assert split_text(text, custom("#", 10)) == ["短句。", "一二三四。五六七八。", "九十"]


def test_without_any_boundary_windows_overlap_by_code_points() -> None:
    assert split_text("abcdefghij", custom("#", 4, 1)) == ["abcd", "defg", "ghij"]
    assert split_text("abcdefghijk", custom("#", 4, 0)) == ["abcd", "efgh", "ijk"]


def test_an_overlap_as_large_as_the_size_moves_on_by_one() -> None:
    assert split_text("abcde", custom("#", 3, 3)) == ["abc", "bcd", "cde"]


def test_an_overlap_that_multiplies_the_text_beyond_use_is_an_error_that_says_so() -> None:
    with pytest.raises(DocumentUnreadable, match="Choose a smaller overlap"):
        split_text("a" * 40_000, custom("#", 4000, 4000))


def test_spaces_after_an_overlap_do_not_repeat_it() -> None:
    assert split_text("aaa bb    ", custom("#", 7, 7)) == ["aaa bb"]
    assert split_text("abcd\n", custom("#", 4, 2)) == ["abcd"]


def test_automatic_merges_lines_up_to_500_characters() -> None:
    text = "\n".join(["x" * 99] * 12)
    assert [segment.count("x") for segment in split_text(text, automatic_rule())] == [495, 495, 198]


def test_automatic_repeats_up_to_50_characters() -> None:
    text = "".join(f"{number:04d} some words are here. " for number in range(60))
    segments = split_text(text, automatic_rule())
    assert all(len(segment) <= 500 for segment in segments)
    for before, after in pairwise(segments):
        shared = next(size for size in range(min(len(before), 51), -1, -1) if after.startswith(before[-size:] or ""))
        assert 0 < shared <= 50


def test_a_short_automatic_text_is_one_segment() -> None:
    text = "# 标题\n\n第一段。第二句！\n\n- 列表\n- 列表"
    assert split_text(text, automatic_rule()) == [text]


def test_size_counts_code_points() -> None:
    assert split_text("知识库" * 4, custom("#", 12)) == ["知识库" * 4]


def test_where_tokens_outnumber_characters_the_token_bound_holds() -> None:
    text = "\U0001f9ff\U0001fad8" * 60
    segments = split_text(text, custom("#", 50))
    assert all(count_tokens(segment) <= 50 for segment in segments)
    assert "".join(segments) == text


def test_one_code_point_of_more_tokens_than_allowed_is_kept() -> None:
    assert split_text("\U0001fad8a", custom("#", 1)) == ["\U0001fad8", "a"]


def test_unevenly_spread_tokens_are_cut_to_the_bound_in_few_steps() -> None:
    text = "\U0001fad8" * 2000 + "a" * 2000
    segments = split_text(text, custom("#", 4000))
    assert "".join(segments) == text
    assert all(count_tokens(segment) <= 4000 for segment in segments)
    assert len(segments) < 10


def test_hostile_texts_cost_in_proportion_to_their_length() -> None:
    for unit in ("a", " ", "\n", "。", ". ", "a ", "a\n\n", "\U0001fad8", ".\n"):
        short, long = (len(split_text(unit * count, automatic_rule())) for count in (20_000, 40_000))
        assert long <= 2 * short + 2


def test_text_order_is_kept_and_spaces_inside_survive() -> None:
    assert split_text("a  b\tc\nd", custom("#", 100)) == ["a  b\tc\nd"]


def test_a_paragraph_parent_has_children_cut_by_their_own_rule() -> None:
    rule = ProcessRule("hierarchical", (), Segmentation("\n\n", 20, 0), "paragraph", Segmentation("***", 6, 0))
    parents = split_text("one***two three\n\nfour", rule)
    assert parents == ["one***two three", "four"]
    assert [split_children(parent, rule) for parent in parents] == [["one", "two", "three"], ["four"]]


def test_a_full_document_is_one_parent_of_any_length() -> None:
    rule = ProcessRule("hierarchical", (), Segmentation("\n", 5, 0), "full-doc", Segmentation("\n", 5, 0))
    assert split_text(" one\ntwo three\n", rule) == ["one\ntwo three"]
    assert split_children("one\ntwo three", rule) == ["one", "two", "three"]
    assert split_text(" \n ", rule) == []


def test_the_default_hierarchical_rule_cuts_parents_at_blank_lines_and_children_at_lines() -> None:
    rule = hierarchical_default_rule()
    assert split_text("a\nb\n\nc", rule) == ["a\nb", "c"]
    assert split_children("a\nb", rule) == ["a", "b"]


def test_a_rule_without_children_has_none() -> None:
    assert split_children("a\nb", custom("\n", 10)) == []


TABLE = "| word | 词 |\n|---|---|\n| cat | 猫 |\n| dog | 狗 |\n| owl | 猫头鹰 |"
HEAD = "| word | 词 |\n|---|---|\n"


def test_a_table_longer_than_a_segment_repeats_its_header() -> None:
    assert split_text(TABLE, custom("#", 40)) == [
        HEAD + "| cat | 猫 |",
        HEAD + "| dog | 狗 |",
        HEAD + "| owl | 猫头鹰 |",
    ]
    assert split_text(TABLE, custom("#", 47)) == [HEAD + "| cat | 猫 |\n| dog | 狗 |", HEAD + "| owl | 猫头鹰 |"]


def test_the_automatic_rule_repeats_headers_too_and_overlaps_by_whole_rows() -> None:
    rows = [f"| {number:03} | {'x' * 30} |" for number in range(30)]
    segments = split_text("\n".join(["| n | x |", "|---|---|", *rows]), automatic_rule())
    assert [segment.splitlines()[:2] for segment in segments] == [["| n | x |", "|---|---|"]] * len(segments)
    for former, latter in pairwise(segment.splitlines()[2:] for segment in segments):
        assert former[-1:] == latter[:1]


def test_a_table_that_fits_stays_whole() -> None:
    before = "Some words before it, on a line of their own."
    assert split_text(f"{before}\n{TABLE}\nand after", custom("#", len(TABLE) + 1)) == [before, TABLE, "and after"]


def test_a_row_that_fits_without_its_header_alone_stays_whole() -> None:
    row = f"| {'a b ' * 7}| c |"
    text = f"{HEAD}{row}\n| cat | 猫 |"
    assert split_text(text, custom("#", 46)) == [HEAD.strip(), row, HEAD + "| cat | 猫 |"]


def test_a_header_that_leaves_no_room_is_not_repeated() -> None:
    text = "| one | two | three |\n|---|---|---|\n| 1 | 2 | 3 |\n| 4 | 5 | 6 |"
    assert split_text(text, custom("#", 46)) == ["| one | two | three |\n|---|---|---|", "| 1 | 2 | 3 |\n| 4 | 5 | 6 |"]


def test_a_separator_that_the_rule_names_keeps_its_meaning_in_a_table() -> None:
    assert split_text(TABLE, custom("\n", 40)) == TABLE.split("\n")


def test_code_between_fences_is_not_torn_where_it_fits() -> None:
    code = "```py\na = 1\n\nb = 2\n```"
    text = f"Before it.\n\n{code}\n\nAfter it, some more words."
    assert split_text(text, custom("#", 30)) == ["Before it.", code, "After it, some more words."]
    assert split_text(text, custom("#", 40)) == [f"Before it.\n\n{code}", "After it, some more words."]


def test_code_that_is_too_long_is_cut_between_its_lines() -> None:
    text = "```\n" + "\n".join(f"line {number}" for number in range(8)) + "\n```"
    assert split_text(text, custom("#", 25)) == [
        "```\nline 0\nline 1\nline 2",
        "line 3\nline 4\nline 5",
        "line 6\nline 7\n```",
    ]


def test_a_table_in_code_is_code() -> None:
    text = f"~~~\n{TABLE}\n~~~"
    assert "".join(split_text(text, custom("#", 44))).count("词") == 1


def test_the_rows_of_a_sheet_are_cut_between_their_values() -> None:
    text = '"name":"The first. And so on";"place":"here";"time":"now";'
    assert split_text(text, custom("#", 45)) == ['"name":"The first. And so on";"place":"here";', '"time":"now";']


def test_a_quotation_ends_with_its_sentence() -> None:
    assert split_text("他说：“好。”她走了。完", custom("#", 7)) == ["他说：“好。”", "她走了。完"]
    assert split_text('He said "yes." She went. Out', custom("#", 15)) == ['He said "yes."', "She went. Out"]


def test_western_marks_end_chinese_sentences() -> None:
    assert split_text("你好吗?我很好!走吧", custom("#", 5)) == ["你好吗?", "我很好!", "走吧"]


def test_a_link_to_a_picture_is_not_torn_where_it_fits() -> None:
    link = "![a b](/files/01234567-89ab-cdef-0123-456789abcdef/image-preview)"
    text = f"{'词' * 30}{link}{'词' * 30}"
    assert split_text(text, custom("#", 80)) == ["词" * 30, link, "词" * 30]
    assert split_text(text, custom("#", 100)) == ["词" * 30 + link, "词" * 30]
    assert "".join(split_text(text, custom("#", 20))).replace(" ", "") == text.replace(" ", "")
