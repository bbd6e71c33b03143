"""What holds for every text and rule that is cut."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from zhiku.documents.rules import ProcessRule, Segmentation, automatic_rule
from zhiku.segments.split import split_text
from zhiku.text.tokens import count_tokens

ALPHABET = "ab.!? \n\t#。！；，知识库\u3000\U0001f9ff\U0001fad8é"
texts = st.text(st.sampled_from(ALPHABET), max_size=400)


@st.composite
def custom_rules(draw: st.DrawFn, without_overlap: bool = False) -> ProcessRule:
    size = draw(st.integers(1, 40))
    overlap = 0 if without_overlap else draw(st.integers(0, size))
    separator = draw(st.sampled_from(["\n", "\n\n", "#", "。", "ab", " "]))
    return ProcessRule("custom", (), Segmentation(separator, size, overlap))


rules = st.one_of(custom_rules(), st.just(automatic_rule()))


def significant(text: str) -> str:
    """The characters that cutting may never lose: all but spaces and the full stops that may lead a segment."""
    return "".join(character for character in text if not character.isspace() and character not in ".。")


@given(texts, rules)
def test_no_segment_is_longer_than_the_rule_allows(text: str, rule: ProcessRule) -> None:
    size = rule.segmentation.max_tokens
    for segment in split_text(text, rule):
        assert len(segment) <= size
        assert count_tokens(segment) <= size or len(segment) == 1


@given(texts, rules)
def test_segments_are_trimmed_and_not_empty(text: str, rule: ProcessRule) -> None:
    assert all(segment and segment == segment.strip() for segment in split_text(text, rule))


@given(texts, custom_rules(without_overlap=True))
def test_without_overlap_the_segments_are_the_text_without_separators(text: str, rule: ProcessRule) -> None:
    pieces = text.split(rule.segmentation.separator)
    assert significant("".join(split_text(text, rule))) == significant("".join(pieces))


@given(texts, rules)
def test_segments_are_parts_of_the_text_in_its_order(text: str, rule: ProcessRule) -> None:
    start = 0
    for segment in split_text(text, rule):
        found = text.find(segment, start)
        assert found >= 0
        start = found if rule.segmentation.chunk_overlap else found + len(segment)


@given(texts, rules)
def test_no_character_is_lost(text: str, rule: ProcessRule) -> None:
    separator = None if rule.mode == "automatic" else rule.segmentation.separator
    pieces = [text] if separator is None else text.split(separator)
    kept = Counter(significant("".join(split_text(text, rule))))
    assert not Counter(significant("".join(pieces))) - kept


@given(texts, custom_rules())
def test_segments_of_different_pieces_never_overlap(text: str, rule: ProcessRule) -> None:
    pieces = text.split(rule.segmentation.separator)
    assert split_text(text, rule) == [segment for piece in pieces for segment in split_text(piece, rule)]


@given(texts, custom_rules())
def test_what_fits_is_not_cut(text: str, rule: ProcessRule) -> None:
    size, separator = rule.segmentation.max_tokens, rule.segmentation.separator
    piece = text.replace(separator, "")[:size].strip().lstrip(".。").strip()
    if piece and separator not in piece and count_tokens(piece) <= size:
        assert split_text(piece, rule) == [piece]


@given(st.text(max_size=300), rules)
@settings(max_examples=50)
def test_any_text_can_be_cut_and_gives_the_same_segments_again(text: str, rule: ProcessRule) -> None:
    assert split_text(text, rule) == split_text(text, rule)
