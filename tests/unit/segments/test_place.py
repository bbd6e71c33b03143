"""Where segments stand: headings are found in Markdown and nowhere else."""

import pytest

from zhiku.segments.markdown import find_fences, find_headings
from zhiku.segments.place import HEADING_CHARS, Outline, Place, decode_place, encode_place

GUIDE = "before\n# Guide\nintro\n## Install ##\nsteps\n### On Linux **\napt\n## Use\nrun\n# 附录\nend"


def path_of(text: str, words: str) -> tuple[str, ...]:
    """Return the headings above the place of some words."""
    start = text.index(words)
    return Outline(text).path_at(start, start + len(words))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("before", ()),
        ("intro", ("Guide",)),
        ("steps", ("Guide", "Install")),
        ("apt", ("Guide", "Install", "On Linux")),
        ("run", ("Guide", "Use")),
        ("end", ("附录",)),
    ],
)
def test_a_text_stands_under_the_headings_before_it(words: str, expected: tuple[str, ...]) -> None:
    assert path_of(GUIDE, words) == expected


def test_headings_that_a_segment_begins_with_are_its_own() -> None:
    text = "# Guide\n\n## Install\n\nsteps\n\n## Use\n\nrun"
    assert path_of(text, "# Guide\n\n## Install\n\nsteps") == ("Guide", "Install")
    assert path_of(text, "## Use\n\nrun") == ("Guide", "Use")
    assert path_of(text, "steps\n\n## Use\n\nrun") == ("Guide", "Install")
    assert path_of(text, "# Guide") == ("Guide",)


def test_lines_of_code_are_no_headings() -> None:
    text = "# Guide\n```sh\n# a comment\n~~~\n```\n~~~\n# another\n~~~~\n\n```inline``` is no fence\n# Real"
    assert [heading.title for heading in find_headings(text)] == ["Guide", "Real"]


def test_a_fence_that_is_never_closed_goes_to_the_end() -> None:
    assert find_fences("a\n```\n# b\n") == [(2, 10)]
    assert find_headings("# a\n```\n# b\n")[-1].title == "a"


@pytest.mark.parametrize("text", ["#hashtag", "a # b", "####### seven", "# ", "#\t", " # indented", "C#\n"])
def test_what_only_looks_like_a_heading_is_none(text: str) -> None:
    assert find_headings(text) == []


def test_a_long_heading_is_cut() -> None:
    assert path_of(f"# {'a' * 5000}\nb", "b") == ("a" * HEADING_CHARS,)


def test_a_place_is_kept_as_it_is() -> None:
    place = Place("sheet", 2, "预算", ("a", "b"))
    assert decode_place(encode_place(place)) == place
    assert decode_place(encode_place(Place())) == Place()
