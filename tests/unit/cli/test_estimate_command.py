"""`zhiku estimate`: the segments a rule would make of a file, without a server (contract 13)."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zhiku.cli.main import app

RULE = {"mode": "hierarchical", "rules": {"segmentation": {"separator": "\n\n"}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A guide of three paragraphs."""
    path = tmp_path / "guide.md"
    path.write_text("# Owls\n\nOwls hunt at night.\n\nThey sleep by day.")
    return path


def run(*arguments: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of `zhiku estimate ...`."""
    done = CliRunner().invoke(app, ["estimate", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_files_segments_are_printed_and_counted(file: Path) -> None:
    code, output, _ = run(str(file), "--rule", json.dumps(RULE), "--first", "2", "--limit", "1")
    assert code == 0
    assert "#2  19 characters, 6 tokens\nOwls hunt at night.\n  #2.1  Owls hunt at night." in output
    assert "Segments: 3, 1 of them shown\nChild chunks: 3" in output


def test_an_estimate_is_printed_for_a_program(file: Path) -> None:
    _, output, _ = run(str(file), "--json")
    estimate = json.loads(output)
    assert (estimate["total"], len(estimate["segments"])) == (1, 1)


def test_a_file_or_rule_that_is_wrong_is_said_and_ends_with_an_error(file: Path, tmp_path: Path) -> None:
    assert run(str(tmp_path / "missing.md"))[::2] == (1, f"{tmp_path / 'missing.md'}: No such file or directory\n")
    assert "Process rule mode is required" in run(str(file), "--rule", "{}")[2]
    assert run(str(file), "--rule", "{")[0] == 2
    assert "File type not allowed." in run(str(tmp_path / "a.exe"))[2]
