"""Documentation that must not lag behind: settings, errors, decisions, the changelog."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.operation_table import Row, claimed_anywhere, contract_numbers, rows
from tests.layout.source import ROOT, sections
from zhiku.settings import Settings

SETTINGS_PAGE = ROOT / "docs" / "settings.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DECISION_PARTS = ["Context", "Decision", "Consequences", "Alternatives", "Enforced by"]


def documented_settings() -> dict[str, str]:
    return sections(SETTINGS_PAGE.read_text(encoding="utf-8"))


def written_default(name: str) -> str:
    """Return how the page writes the default of a setting."""
    default = Settings.model_fields[name].default
    return "none" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    page = documented_settings()
    variable = f"ZHIKU_{name.upper()}"
    assert variable in page
    assert re.search(rf"^Default: {re.escape(written_default(name))}(\.| \()", page[variable], re.MULTILINE)


def test_no_documented_setting_is_unknown() -> None:
    known = {f"ZHIKU_{name.upper()}" for name in Settings.model_fields}
    assert set(documented_settings()) - known == set()


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_is_short_and_has_all_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    assert re.match(r"\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md", page.name)
    assert re.search(r"^Status: (Proposed|Accepted|Superseded by \d{4})$", text, re.MULTILINE)
    assert list(sections(text)) == DECISION_PARTS


def test_decisions_are_numbered_without_doubles() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))


def test_the_generated_parts_are_what_make_docs_writes() -> None:
    command = [sys.executable, "scripts/docs.py", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_error_has_a_code_of_its_own() -> None:
    codes = re.findall(r"^## `(\w+)`$", (ROOT / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(codes)) == codes


def test_the_changelog_has_a_place_for_the_next_release() -> None:
    assert "Unreleased" in next(iter(sections((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.method} {row.path}")
def test_every_operation_has_a_contract_test(row: Row) -> None:
    assert row.tests


def test_every_operation_of_the_contract_is_served() -> None:
    assert set(contract_numbers()) == {(row.method, row.path) for row in rows() if row.number}


def test_contract_tests_say_which_sentences_of_the_contract_they_are_about() -> None:
    # An external source and the welcome have sections of their own, 10.1 and 11.
    assert set(contract_numbers().values()) - claimed_anywhere() <= {49, 50}
