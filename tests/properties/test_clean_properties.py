"""What holds for every text that is cleaned."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from zhiku.documents.rules import PreRule, ProcessRule, Segmentation
from zhiku.ingestion.clean import clean_text

CUT = Segmentation("\n", 1000, 0)
NOTHING = ProcessRule("custom", (), CUT)
SPACES = ProcessRule("custom", (PreRule("remove_extra_spaces", True),), CUT)
ADDRESSES = ProcessRule("custom", (PreRule("remove_urls_emails", True),), CUT)

FRAGMENTS = [
    *"ab.,;!?@()[]{}<>\"'` \n\t知。",
    "http://",
    "https://a.com",
    "[x](",
    "![",
    "](http://b.cn/",
    "\n\n",
    "c@d.org",
]
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join)


@given(st.text())
def test_no_control_character_remains(text: str) -> None:
    cleaned = clean_text(text, NOTHING)
    allowed = {"\t", "\n"}
    assert all(ord(character) >= 32 or character in allowed for character in cleaned)
    assert "\x7f" not in cleaned
    assert "\ufffe" not in cleaned


@given(texts)
def test_plain_text_is_kept_as_it_is(text: str) -> None:
    assert clean_text(text, NOTHING) == text


@given(st.text(st.sampled_from("ab \t\n\r\u00a0\u3000\u2003知")))
def test_cleaning_spaces_twice_changes_nothing_more(text: str) -> None:
    once = clean_text(text, SPACES)
    assert clean_text(once, SPACES) == once
    assert "".join(once.split()) == "".join(text.split())
    assert "\n\n\n" not in once
    assert "  " not in once


@given(texts)
def test_removing_addresses_invents_nothing(text: str) -> None:
    cleaned = clean_text(text, ADDRESSES)
    assert not Counter(cleaned) - Counter(text)
    remaining = iter(text)
    assert all(character in remaining for character in cleaned)


@given(texts)
def test_what_is_not_ascii_is_never_part_of_an_address(text: str) -> None:
    cleaned = clean_text(text, ADDRESSES)
    assert [character for character in cleaned if character > "\x7f"] == [
        character for character in text if character > "\x7f"
    ]


@given(texts.filter(lambda text: "@" not in text and "://" not in text))
def test_text_without_addresses_is_untouched(text: str) -> None:
    assert clean_text(text, ADDRESSES) == text


@given(texts.filter(lambda text: "[" not in text))
def test_without_markdown_links_no_web_address_remains(text: str) -> None:
    cleaned = clean_text(text, ADDRESSES)
    assert "https://a" not in cleaned
