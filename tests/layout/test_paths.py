"""Nothing tracked knows the machine it was made on."""

import re

from tests.layout.source import ROOT, tracked_files

# Written in pieces, so that this file does not find itself.
MACHINE = re.compile(
    "|".join(["/" + "work/", "/" + "root/", "/" + "home/[a-z]+/", "/" + "Users/[a-z]+/", "/tmp/" + "lab"])
)
REGISTRY = re.compile("|".join(["files" + r"\.pythonhosted", "registry" + r"\.npmjs", "pypi" + r"\.org/simple"]))


def found_by(pattern: re.Pattern[str]) -> list[str]:
    """Return file, line and match of each occurrence in the tracked text files."""
    found: list[str] = []
    for path in tracked_files():
        raw = path.read_bytes()
        if b"\0" in raw[:8192]:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").split("\n"), 1):
            found.extend(f"{path.relative_to(ROOT)}:{number} {hit}" for hit in pattern.findall(line))
    return found


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    assert found_by(MACHINE) == []


def test_no_tracked_file_names_a_registry_host() -> None:
    assert found_by(REGISTRY) == []
