"""Cleaning, sentence by sentence of the contract's 4.2."""

import pytest

from zhiku.documents.rules import PreRule, ProcessRule, Segmentation
from zhiku.ingestion.clean import clean_text

CUT = Segmentation("\n", 1000, 0)
NOTHING = ProcessRule("custom", (), CUT)
SPACES = ProcessRule("custom", (PreRule("remove_extra_spaces", True),), CUT)
ADDRESSES = ProcessRule("custom", (PreRule("remove_urls_emails", True),), CUT)
BOTH = (PreRule("remove_extra_spaces", True), PreRule("remove_urls_emails", True))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("<|endoftext|>", "<endoftext>"),
        ("a\x00b\x08c\x0bd\x0ce\x0ef\x1fg\x7fh", "abcdefgh"),
        ("a\ufffeb", "ab"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\ufeffstart", "start"),
        ("in\ufeffside", "in\ufeffside"),
        ("one\r\ntwo\rthree\n", "one\ntwo\nthree\n"),
        ("ï ¿ ¾ stay", "ï ¿ ¾ stay"),
        ("a   b\n\n\n\nc", "a   b\n\n\n\nc"),
    ],
)
def test_every_rule_drops_what_must_not_reach_a_segment(text: str, cleaned: str) -> None:
    assert clean_text(text, NOTHING) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\n\nb", "a\n\nb"),
        ("a\n\n\nb", "a\n\nb"),
        ("a\r\n\r\n\r\n\r\nb", "a\n\nb"),
        ("a  b", "a b"),
        ("a\tb", "a\tb"),
        ("a\t\tb", "a b"),
        ("甲\u3000乙", "甲\u3000乙"),
        ("甲\u3000\u3000乙", "甲 乙"),
        ("a\u00a0\u2003\u205f\u1680\u180e\u202fb", "a b"),
        ("  a\n  b", " a\n b"),
        ("a\n \n \nb", "a\n \n \nb"),
    ],
)
def test_extra_spaces_become_one_space_or_one_blank_line(text: str, cleaned: str) -> None:
    assert clean_text(text, SPACES) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("write to jo.e+x_1-y@mail.example.com now", "write to  now"),
        ("写信给a@b.cn。谢谢", "写信给。谢谢"),
        ("联系人：张三a@b.com，李四", "联系人：张三，李四"),
        ("a@b.com.", "."),
        ("user@localhost and @name and a@ b.com", "user@localhost and @name and a@ b.com"),
        ("a@b.com,c@d.org", ","),
        ("a@@b.com", "a@@b.com"),
    ],
)
def test_mail_addresses_are_removed(text: str, cleaned: str) -> None:
    assert clean_text(text, ADDRESSES) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see https://a.com/b?c=d#e end", "see  end"),
        ("see http://a.com.", "see ."),
        ("见https://a.com/路径", "见路径"),
        ("访问 https://a.com，然后", "访问 ，然后"),
        ("(http://a.com/x)", "()"),
        ("http://a.com/x_(y)_z!", "!"),
        ("\"http://a.com\" 'http://b.com' <http://c.com>", "\"\" '' <>"),
        ("[http://a.com]", "[]"),
        ("http://a.com/a)http://b.com/b)", "))"),
        ("HTTPS://A.COM/B", ""),
        ("really? http://a.com/?!...", "really? ?!..."),
        ("www.a.com ftp://a.com mailto:", "www.a.com ftp://a.com mailto:"),
        ("the scheme http:// alone", "the scheme http:// alone"),
        ("http://a.com\u3000b", "\u3000b"),
    ],
)
def test_web_addresses_are_removed_up_to_where_they_end(text: str, cleaned: str) -> None:
    assert clean_text(text, ADDRESSES) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "[Zhiku](https://a.com/docs)",
        "![图](https://a.com/图.png)",
        '[a](http://b.com "title")',
        "[a](<http://b.com>)",
        "[a [b] c](https://a.com/x_(y))",
        "[![alt](https://a.com/i.png)](https://a.com)",
        "[https://a.com](https://a.com)",
        "[维基](https://zh.wikipedia.org/wiki/知识)",
        "a [one](http://a.com) and [two](http://b.com/c).",
        "[htmx](https://unpkg.com/htmx.org@1.9.10/dist)",
        "![x](https://a.com/@user.name/x.png)",
    ],
)
def test_markdown_links_and_images_survive_intact(text: str) -> None:
    assert clean_text(text, ADDRESSES) == text


def test_addresses_beside_markdown_links_are_removed() -> None:
    text = "http://x.com [a](http://b.com) http://y.com![c](http://d.com)http://z.com [not a link] (http://w.com)"
    assert clean_text(text, ADDRESSES) == " [a](http://b.com) ![c](http://d.com) [not a link] ()"


def test_a_mail_address_in_the_text_of_a_link_is_removed() -> None:
    assert clean_text("[write to a@b.com](https://c.com)", ADDRESSES) == "[write to ](https://c.com)"


def test_a_link_does_not_run_across_a_blank_line() -> None:
    assert clean_text("[a\n\nb](http://c.com)", ADDRESSES) == "[a\n\nb]()"


def test_a_full_document_keeps_its_addresses_and_loses_its_spaces() -> None:
    rule = ProcessRule("hierarchical", BOTH, CUT, "full-doc", Segmentation("***", 500, 0))
    assert clean_text("a  http://a.com  b@c.de", rule) == "a http://a.com b@c.de"


@pytest.mark.parametrize(
    "unit",
    [
        "http://a)",
        "[](http://",
        "[a](http://b) ",
        "[",
        "a@",
        "@a.",
        '](http://a "',
        "[x](http://(a",
        "http://",
        "a.",
        "(",
        " \t",
    ],
)
# Linear work takes a second here, quadratic work minutes.
@pytest.mark.timeout(60)
def test_hostile_texts_are_cleaned_in_proportion_to_their_length(unit: str) -> None:
    rule = ProcessRule("custom", BOTH, CUT)
    assert len(clean_text(unit * 50_000, rule)) <= 50_000 * len(unit)


def test_rules_that_are_off_or_unknown_do_nothing() -> None:
    rules = (PreRule("remove_extra_spaces", False), PreRule("remove_stopwords", True), PreRule("other", True))
    assert clean_text("the  a\n\n\n\nb http://c.com", ProcessRule("custom", rules, CUT)) == (
        "the  a\n\n\n\nb http://c.com"
    )
