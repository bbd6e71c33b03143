"""The bundled guide: whole, in both languages, and true to the settings and error codes it lists."""

import re
from collections.abc import Iterator

import pytest

from zhiku import errors
from zhiku.sample import QUESTIONS, SampleDocument, documents
from zhiku.settings import Settings

BY_LANGUAGE = {"en": "Operating Zhiku.md", "zh": "运维.md"}


def page(name: str) -> SampleDocument:
    return next(document for document in documents() if document.name == name)


def codes_of(error: type[errors.ZhikuError]) -> Iterator[tuple[int, str]]:
    yield error.status, error.code
    for child in error.__subclasses__():
        yield from codes_of(child)


def test_both_languages_have_the_same_pages() -> None:
    counts = {language: [d.language for d in documents()].count(language) for language in ("en", "zh")}
    assert counts == {"en": 4, "zh": 4}


def test_every_page_has_a_name_of_its_own_and_a_title() -> None:
    pages = documents()
    assert len({document.name for document in pages}) == len(pages)
    assert all(document.text.startswith("# ") for document in pages)


def test_there_is_a_question_for_each_language_and_its_page_exists() -> None:
    assert [question.language for question in QUESTIONS] == ["en", "zh"]
    for question in QUESTIONS:
        assert page(question.expected_name).language == question.language


def test_translated_pages_have_the_same_sections() -> None:
    english = [document for document in documents() if document.language == "en"]
    chinese = [document for document in documents() if document.language == "zh"]
    for ours, theirs in zip(english, chinese, strict=True):
        assert len(re.findall(r"^#+ ", ours.text, re.MULTILINE)) == len(
            re.findall(r"^#+ ", theirs.text, re.MULTILINE)
        ), ours.name


@pytest.mark.parametrize("name", BY_LANGUAGE.values())
def test_every_setting_in_the_guide_exists_with_that_default(name: str) -> None:
    rows = re.findall(r"^\| `ZHIKU_(\w+)` \| (\S+) \|", page(name).text, re.MULTILINE)
    assert rows
    for setting, shown in rows:
        default = Settings.model_fields[setting.lower()].default
        assert shown.strip("`") == ("none" if default is None else str(default).lower()).replace(
            "none", "none" if name.isascii() else "无"
        ), setting


@pytest.mark.parametrize("name", BY_LANGUAGE.values())
def test_every_error_in_the_guide_exists_with_that_status(name: str) -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page(name).text, re.MULTILINE)
    assert rows
    assert {(int(status), code) for status, code in rows} <= set(codes_of(errors.ZhikuError))


def test_the_guide_never_names_a_route_that_is_not_served() -> None:
    served = {
        "POST /datasets",
        "GET /datasets",
        "GET /datasets/{id}",
        "DELETE /datasets/{id}",
        "POST /datasets/{id}/document/create-by-text",
        "POST /datasets/{id}/document/create-by-file",
        "GET /datasets/{id}/documents",
        "GET /datasets/{id}/documents/{document_id}",
        "DELETE /datasets/{id}/documents/{document_id}",
        "GET /datasets/{id}/documents/{document_id}/segments",
        "GET /datasets/{id}/documents/{batch}/indexing-status",
        "POST /datasets/{id}/documents/{document_id}/pause",
        "POST /datasets/{id}/documents/estimate",
        "POST /datasets/{id}/documents/recut",
        "POST /datasets/{id}/retrieve",
        "POST /datasets/{id}/explain",
        "POST /datasets/{id}/question-sets/import",
        "POST /datasets/{id}/evaluations",
        "PATCH /apps/{id}",
        "GET /healthz",
    }
    named = {
        route
        for document in documents()
        for route in re.findall(r"`((?:GET|POST|PATCH|DELETE|PUT) /[^`]*)`", document.text)
    }
    assert named <= served
