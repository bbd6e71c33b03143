"""Every locked package may be shipped with an Apache-2.0 program."""

import re
from importlib import metadata

import pytest

from tests.layout.source import ROOT

PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib",
}  # fmt: skip
# Weak copyleft that ends at its own files: good while the package is used as it is.
UNMODIFIED = {"MPL-2.0"}
# psycopg (LGPL) is an optional extra, dynamically loaded and unmodified: the one exception.
EXCEPTIONS = {"psycopg", "psycopg-binary"}
# Packages whose metadata names no licence, or only a vague one, with what their licence file says.
READ_FROM_FILE = {"axe-playwright-python": "MIT AND MPL-2.0", "pypdfium2": "BSD-3-Clause AND Apache-2.0"}

SPOKEN = {
    "apache license": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache license v2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "bsd license": "BSD", "bsd": "BSD", "bsd 3-clause": "BSD-3-Clause", "3-clause bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC", "mit license": "MIT", "the mit license (mit)": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "python software foundation license": "PSF-2.0",
}  # fmt: skip


def locked_packages() -> list[str]:
    """Return every package of both locks that is installed here; markers leave some out."""
    names: set[str] = set()
    for lock in ("requirements.lock", "requirements-dev.lock"):
        names.update(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE))
    return sorted(name for name in names if is_installed(name))


def is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def licences(name: str) -> list[set[str]]:
    """Return the package's licence as alternatives, each the set of licences that hold together."""
    if name in READ_FROM_FILE:
        return alternatives(READ_FROM_FILE[name])
    about = metadata.metadata(name)
    if "License-Expression" in about:
        return alternatives(about["License-Expression"])
    classifiers: list[str] = about.get_all("Classifier") or []
    spoken = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: OSI Approved :: ")]
    named = spoken or [about["License"].split("\n")[0]]
    return [{SPOKEN.get(line.lower(), line) for line in named}]


def alternatives(expression: str) -> list[set[str]]:
    """Return an SPDX expression as a list (or) of sets (and); brackets hold only alternatives in practice."""
    plain = re.sub(r"\s+WITH\s+LLVM-exception", "", expression)
    if "(" in plain:
        return [set(re.findall(r"[A-Za-z0-9.+-]+", re.sub(r"\b(AND|OR)\b", " ", plain)))]
    return [set(re.split(r"\s+AND\s+", part.strip())) for part in re.split(r"\s+OR\s+", plain)]


@pytest.mark.parametrize("name", locked_packages())
def test_a_locked_package_has_a_licence_that_fits(name: str) -> None:
    allowed = PERMISSIVE | UNMODIFIED
    assert name in EXCEPTIONS or any(choice <= allowed for choice in licences(name)), licences(name)


def test_the_runtime_lock_has_no_weak_copyleft_but_certificates_and_build_tools() -> None:
    runtime = set(re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    weak = {name for name in locked_packages() if name in runtime and any(x & UNMODIFIED for x in licences(name))}
    assert weak <= {"certifi", "pathspec", "uv"}
    assert not runtime & EXCEPTIONS


def test_both_locks_name_the_same_versions() -> None:
    pinned = [
        dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;]+)(?= \\| ;)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in ("requirements.lock", "requirements-dev.lock")
    ]
    assert pinned[0].items() <= pinned[1].items()
