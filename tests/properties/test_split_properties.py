"""What holds for every text and rule that is cut."""

from collections import Counter

from hypothesis import example, given, settings
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


# In western letters no token is shorter than a character, so only lengths decide.
words = st.text(st.sampled_from("abc ."), min_size=1, max_size=12).filter(str.strip)
cells = st.text(st.sampled_from("xyz"), min_size=1, max_size=8)
SEPARATOR = "@@"


@st.composite
def tables(draw: st.DrawFn) -> list[str]:
    """The lines of a table of two columns."""
    rows = draw(st.lists(st.tuples(cells, cells), min_size=1, max_size=12))
    return ["| h | k |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)]


fences = st.lists(st.sampled_from(["a = 1", "", "b c d", "| x |", "# no"]), max_size=6).map(
    lambda code: ["```py", *code, "```"]
)
blocks = st.one_of(tables(), fences, st.lists(words, min_size=1, max_size=4))
documents = st.lists(blocks, min_size=1, max_size=5)
wide_rules = st.tuples(st.integers(40, 90), st.integers(0, 40)).map(
    lambda drawn: ProcessRule("custom", (), Segmentation(SEPARATOR, *drawn))
)


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
@example("?b?\U0001fad8??", ProcessRule("custom", (), Segmentation("\n", 5, 4)))
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


def joined(document: list[list[str]]) -> str:
    return "\n\n".join("\n".join(block) for block in document)


def is_fence(block: list[str]) -> bool:
    return block[0].startswith("```")


def is_table(block: list[str]) -> bool:
    return block[0].startswith("|")


@given(documents, wide_rules)
def test_code_and_tables_that_fit_are_whole_in_a_segment(document: list[list[str]], rule: ProcessRule) -> None:
    segments = split_text(joined(document), rule)
    for block in document:
        whole = "\n".join(block)
        if (is_fence(block) or is_table(block)) and len(whole) <= rule.segmentation.max_tokens:
            assert any(whole in segment for segment in segments)


@given(documents, wide_rules)
def test_rows_of_long_tables_are_whole_and_below_their_header(document: list[list[str]], rule: ProcessRule) -> None:
    segments = split_text(joined(document), rule)
    size = rule.segmentation.max_tokens
    rows = [(table, row) for table in filter(is_table, document) if len("\n".join(table)) > size for row in table[2:]]
    for table, row in rows:
        head = "\n".join(table[:2])
        with_row = [segment for segment in segments if row in segment.splitlines()]
        assert with_row
        if len(head) + 1 + len(row) + 1 <= size:
            assert any(segment.startswith(head) for segment in with_row)


@given(documents, st.integers(40, 90))
def test_only_headers_of_tables_are_told_twice(document: list[list[str]], size: int) -> None:
    segments = split_text(joined(document), ProcessRule("custom", (), Segmentation(SEPARATOR, size, 0)))
    told, known = Counter(significant("".join(segments))), Counter(significant(joined(document)))
    assert not known - told
    assert set(told - known) <= set("|hk-")


@given(documents, wide_rules)
def test_no_segment_of_markdown_is_longer_than_the_rule_allows(document: list[list[str]], rule: ProcessRule) -> None:
    assert all(0 < len(segment) <= rule.segmentation.max_tokens for segment in split_text(joined(document), rule))


@given(st.text(st.sampled_from("|-:\n `~a#\\"), max_size=200), rules)
def test_whatever_looks_like_markdown_loses_nothing(text: str, rule: ProcessRule) -> None:
    separator = None if rule.mode == "automatic" else rule.segmentation.separator
    pieces = [text] if separator is None else text.split(separator)
    segments = split_text(text, rule)
    assert all(len(segment) <= rule.segmentation.max_tokens for segment in segments)
    assert not Counter(significant("".join(pieces))) - Counter(significant("".join(segments)))
