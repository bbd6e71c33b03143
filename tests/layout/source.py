"""What the layout tests look at: the tracked files and the parsed modules."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "zhiku"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One parsed Python file; `name` is its path from the root."""

    name: str
    text: str
    tree: ast.Module

    @property
    def is_ours(self) -> bool:
        """Whether it is part of the program, not of its tests and tools."""
        return self.name.startswith("src/")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Return every file of the project that exists: those git knows or would add, sorted."""
    # A clone may belong to another user than the one who tests it.
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = {ROOT / name.decode() for name in listed.stdout.split(b"\0") if name}
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def modules() -> tuple[Module, ...]:
    """Return every tracked Python file outside `typings`, parsed as the oldest Python we serve."""
    return tuple(
        Module(str(path.relative_to(ROOT)), text, ast.parse(text, path.name, feature_version=(3, 11)))
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "typings"
        for text in [path.read_text(encoding="utf-8")]
    )


def our_modules() -> tuple[Module, ...]:
    """Return the modules of the program itself."""
    return tuple(module for module in modules() if module.is_ours)


def functions(module: Module) -> Iterator[Function]:
    """Yield every function and method, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def sections(page: str) -> dict[str, str]:
    """Return what stands below each `##` heading of a Markdown page, by the heading without backquotes."""
    found: dict[str, str] = {}
    for part in ("\n" + page).split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        found[heading.strip().strip("`")] = body
    return found
