"""Every text of the console exists in both languages, and every one is used."""

import re
from pathlib import Path

import pytest

from zhiku import console
from zhiku.console.language import LANGUAGES, Language, choose_language, load_texts

FOLDER = Path(console.__file__).parent
# A text for one of something is asked for by the text for many.
ONE = ".one"
# Keys that are put together from a part that stands here and a part that is known at run time.
BUILT = re.compile(r"""["'](\w+(?:\.\w+)*\.)["']\s*~|f["'](\w+(?:\.\w+)*\.)\{""")
WHOLE = re.compile(r"""["'](\w+(?:\.\w+)+)["']""")


def sources() -> str:
    return "\n".join(
        path.read_text(encoding="utf-8") for kind in ("*.py", "templates/*.html") for path in FOLDER.glob(kind)
    )


def test_both_languages_have_the_same_texts_but_for_plurals_and_errors() -> None:
    keys = {
        code: {key for key in load_texts(code) if not key.endswith(ONE) and not key.startswith("error.")}
        for code in LANGUAGES
    }
    assert keys["en"] == keys["zh"]


def test_a_text_has_the_same_values_in_both_languages() -> None:
    english, chinese = load_texts("en"), load_texts("zh")
    for key in english.keys() & chinese.keys():
        assert set(re.findall(r"\{\w+\}", english[key])) == set(re.findall(r"\{\w+\}", chinese[key])), key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    source = sources()
    prefixes = (*(one or other for one, other in BUILT.findall(source)), "error.")
    known = {key.removesuffix(ONE) for key in load_texts("en")}
    used = set(WHOLE.findall(source))
    groups = {key.partition(".")[0] for key in known}
    unused = {key for key in known if key not in used and not key.startswith(prefixes)}
    unknown = {
        key
        for key in used - known
        if key.partition(".")[0] in groups and not key.endswith((".html", ".css", ".js", ".svg", ".json"))
    }
    assert unused == set()
    assert unknown == set()


def test_texts_are_sorted_so_that_two_files_are_read_side_by_side() -> None:
    for code in LANGUAGES:
        assert list(load_texts(code)) == sorted(load_texts(code))


@pytest.mark.parametrize(
    ("chosen", "accepted", "expected"),
    [
        ("zh", "en", "zh"),
        (None, "zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        (None, "fr-FR, en-GB;q=0.9", "en"),
        (None, "", "en"),
        ("xx", "zh", "zh"),
    ],
)
def test_the_chosen_language_goes_before_the_accepted_one(chosen: str | None, accepted: str, expected: str) -> None:
    assert choose_language(chosen, accepted).code == expected


def test_one_of_something_reads_differently_where_the_language_tells_it_apart() -> None:
    assert Language("en").text("segment.hits", count=1) == "1 hit"
    assert Language("en").text("segment.hits", count=1234) == "1,234 hits"
    assert Language("zh").text("segment.hits", count=1) == "1 次命中"


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (123_456, "123 KB"), (7_650_000, "7.7 MB")],
)
def test_a_size_reads_short(size_bytes: int, expected: str) -> None:
    assert Language("en").size(size_bytes) == expected
