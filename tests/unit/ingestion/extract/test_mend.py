"""The mends: what is for machines goes, what people read stays."""

import pytest

from zhiku.ingestion.extract.mend_markdown import mend_markdown
from zhiku.ingestion.extract.mend_pdf import Line, body_size, join_pieces, page_text
from zhiku.ingestion.extract.mend_table import mend_csv
from zhiku.ingestion.extract.mend_text import mend_mdx, mend_subtitles, unescape_unicode


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"name=\u4f60\u597d", "name=你好"),
        (r'{"a": "\ud83d\ude00"}', '{"a": "😀"}'),
        (r'{"a": "\u0022\u005c\u000a"}', r'{"a": "\u0022\u005c\u000a"}'),
        (r"C:\\users\\u4f60", r"C:\\users\\u4f60"),
        (r"\ud800 alone", r"\ud800 alone"),
        (r"\u4f6", r"\u4f6"),
    ],
)
def test_unicode_escapes_become_characters(written: str, read: str) -> None:
    assert unescape_unicode(written) == read


def test_mdx_loses_modules_and_components_but_no_code() -> None:
    source = (
        'import {Tabs} from "./tabs"\nexport const x = 1\n\n# 标题\n\n<Tabs name="a">\ntext <Badge/> more\n</Tabs>\n'
        "{/* note\nto self */}\nexports are not modules\n```js\nimport a from 'b'\n<Keep/>\n```\n"
    )
    assert mend_mdx(source) == (
        "\n# 标题\n\n\ntext  more\n\n\nexports are not modules\n```js\nimport a from 'b'\n<Keep/>\n```\n"
    )


def test_subtitles_become_what_is_said() -> None:
    vtt = (
        "WEBVTT - title\n\nNOTE a remark\nover two lines\n\nSTYLE\n::cue {color: red}\n\n"
        "intro\n00:01.000 --> 00:02.000 align:left\n<v 张三>你好</v>\n\n"
        "00:02.000 --> 00:03.000\n你好\n<i>second</i> <00:02.500>line\n"
    )
    assert mend_subtitles(vtt) == "你好\nsecond line"
    srt = "1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nworld, 2\r\n3\r\n"
    assert mend_subtitles(srt) == "Hello\nworld, 2\n3"


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("a,b\n1,2\n", '"a":"1";"b":"2";'),
        ("a\tb\n1\t2,3\n", '"a":"1";"b":"2,3";'),
        ("\n,\na,b\n1,\n,\n,2,3\n", '"a":"1";\n"b":"2";"":"3";'),
        ('a,b\n"two\nlines",x\n', '"a":"two lines";"b":"x";'),
        ("a,b\n", '"a";"b";'),
        ("one\ntwo\n", '"one":"two";'),
        ("Sales 2026,,\n,(in units),\ncity,units,\nx,1,\n", '"Sales 2026";\n"(in units)";\n"city":"x";"units":"1";'),
        ("a\n" * 7 + "1,2\n", '"a":"a";\n' * 6 + '"a":"1";"":"2";'),
        ("", ""),
        ('a,b\n"open,x\n', '"a":"open,x";'),
    ],
)
def test_tables_become_a_line_for_each_row(table: str, lines: str) -> None:
    assert mend_csv(table) == lines


def test_markdown_escapes_are_undone_outside_of_code() -> None:
    assert mend_markdown(r"1\. a\_b \\ \<x\> `\_` \`q\`") == r"1. a_b \ <x> `\_` `q`"
    assert mend_markdown("```\n\\_\n```\n\\_") == "```\n\\_\n```\n_"
    assert mend_markdown("| a\\|b | c\\_d |") == "| a\\|b | c_d |"
    assert mend_markdown("a![x](data:image/png;base64,AA==)b\0![y](c.png)") == "ab![y](c.png)"


def line(text: str, y: float, left: float = 50, size: float = 10, gap: float = 0) -> Line:
    width = sum(1.0 if character > "\u2e80" else 0.5 for character in text) * size
    return Line(text, left, left + width, y, y + size, size, gap)


def read(*lines: Line) -> str:
    return page_text(lines, body_size(lines))


def test_lines_of_a_paragraph_are_joined_as_the_script_does() -> None:
    english = [line("The quick brown fox jumps over the lazy", 700), line("dog and runs away from it all the way", 686)]
    chinese = [line("为了规范知识库的建设，促进文档的管", 600), line("理和检索，制定本办法。", 586)]
    assert read(*english) == "The quick brown fox jumps over the lazy dog and runs away from it all the way"
    assert read(*chinese) == "为了规范知识库的建设，促进文档的管理和检索，制定本办法。"


def test_a_line_with_room_for_the_next_word_ends_its_paragraph() -> None:
    wide = line("A line that goes all the way to the right edge of it", 700)
    assert read(wide, line("and ends here.", 686), line("Another one.", 672)).endswith("ends here.\nAnother one.")


def test_what_stands_behind_a_raised_number_belongs_to_its_line() -> None:
    first = line("a note1", 700)
    pieces = [first, line(".", 701, left=first.right + 1), line("More", 700, left=first.right + 9), line("next", 686)]
    assert [each.text for each in join_pieces(pieces)] == ["a note1. More", "next"]
    column = line("Another column", 700, left=first.right + 30)
    assert join_pieces([first, column]) == [first, column]


def test_list_items_and_rows_of_tables_stay_lines() -> None:
    items = [line("• first item of the list", 700), line("• second item of a list", 686)]
    rows = [line("Name Amount Price each", 600, gap=40), line("Apple 3 1.50 and so on", 586, gap=40)]
    assert read(*items) == "- first item of the list\n- second item of a list"
    assert read(*rows) == "Name Amount Price each\nApple 3 1.50 and so on"


def test_larger_lines_become_headings_and_wider_steps_paragraphs() -> None:
    lines = [
        line("标题", 750, size=18),
        line("小节", 720, size=13.5),
        line("正文第一段的文字。", 700),
        line("第二段。", 660),
    ]
    assert read(*lines) == "# 标题\n\n## 小节\n\n正文第一段的文字。\n\n第二段。"


def test_columns_are_read_one_after_the_other() -> None:
    left = [line(f"left {n}", 700 - 14 * n) for n in range(3)]
    right = [line(f"right {n}", 700 - 14 * n, left=300) for n in range(3)]
    assert read(*left, *right).split() == [
        *("left", "0", "left", "1", "left", "2"),
        *("right", "0", "right", "1", "right", "2"),
    ]


def test_a_title_or_page_number_written_out_of_order_is_put_where_it_stands() -> None:
    page = [line("3 / 5", 30), line("first text", 700), line("second text", 686), line("Title", 760)]
    assert read(*page).split("\n\n") == ["Title", "first text\nsecond text", "3 / 5"]


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("the con\ufffe", "firming of it", "the confirming of it"),
        (
            "see https://a.b/activate-and-create-an\ufffe",
            "api-key now",
            "see https://a.b/activate-and-create-an-api-key now",
        ),
        ("a\ufffe", "b\ufffec", "abc"),
    ],
)
def test_words_broken_at_the_end_of_a_line_are_whole_again(first: str, second: str, whole: str) -> None:
    assert read(line(first, 700), line(second, 686)).replace("\n", " ") == whole
