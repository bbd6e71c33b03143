"""Names say what a thing is; the glossary is the judge of the words."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.layout.source import PACKAGE, ROOT, functions, modules, our_modules, sections, tracked_files

BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
NUMBERED_PART = re.compile(r"(^|_)(part|more|new|old)?\d+$")

# Stubs have the names that other projects chose.
TYPINGS = ROOT / "typings"

GLOSSARY = ROOT / "docs" / "glossary.md"
TERMS = (
    "applier", "API key", "blob", "branch", "catalog", "checkpoint", "child chunk", "dataset", "document", "embedding",
    "fence", "generation", "hit", "index", "job", "lease", "model", "outbox", "plan", "posting", "process rule",
    "provider", "record", "rerank", "retrieve", "score", "segment", "shard", "worker",
)  # fmt: skip


def words(name: str) -> list[str]:
    """Return the words of a snake_case or CamelCase name, lower case."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def defined_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of all that a module names itself: classes, functions, parameters, variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id


def never_words() -> set[str]:
    """Return the words that the glossary bans from names altogether."""
    lines = re.findall(r"^Never in a name: (.+)\.$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE)
    return {word.strip(" `") for line in lines for word in line.split(",")}


def test_no_file_or_folder_is_called_by_a_word_that_says_nothing() -> None:
    paths = [PurePosixPath(path.relative_to(ROOT)) for path in tracked_files() if TYPINGS not in path.parents]
    named = {str(path) for path in paths for part in path.parts if BANNED & set(words(PurePosixPath(part).stem))}
    assert named == set()


def test_no_class_is_called_by_a_word_that_says_nothing() -> None:
    named = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and BANNED & set(words(node.name))
    ]
    assert named == []


def test_no_module_is_a_numbered_part_of_another() -> None:
    numbered = [m.name for m in our_modules() if NUMBERED_PART.search(PurePosixPath(m.name).stem.removeprefix("s3"))]
    assert [name for name in numbered if "/versions/" not in name] == []


def test_names_in_the_program_keep_to_the_glossary() -> None:
    never = never_words()
    assert {"kb", "task"} <= never
    strangers = [
        f"{module.name}:{line} {name}"
        for module in our_modules()
        for line, name in defined_names(module.tree)
        if never & set(words(name))
    ]
    assert strangers == []


@pytest.mark.parametrize("term", TERMS)
def test_every_word_of_the_program_is_in_the_glossary(term: str) -> None:
    assert sections(GLOSSARY.read_text(encoding="utf-8")).get(term, "").strip() != ""


def test_the_glossary_is_sorted() -> None:
    headings = list(sections(GLOSSARY.read_text(encoding="utf-8")))
    assert headings == sorted(headings, key=str.lower)


def test_names_of_tests_are_sentences() -> None:
    short = [
        f"{module.name}:{function.lineno} {function.name}"
        for module in modules()
        if module.name.startswith("tests/")
        for function in functions(module)
        if function.name.startswith("test_") and len(function.name.split("_")) < 4
    ]
    assert short == []


def test_a_module_starts_with_one_sentence_about_itself() -> None:
    silent = [
        module.name
        for module in our_modules()
        if not module.name.endswith("__init__.py")
        and not (ast.get_docstring(module.tree) or "").split("\n\n")[0].rstrip().endswith((".", "?"))
    ]
    assert silent == []


def test_what_other_folders_call_says_what_comes_back() -> None:
    silent = [
        f"{module.name}:{node.lineno} {node.name}"
        for module in our_modules()
        if PurePosixPath(module.name).name in {"service.py", "base.py", "errors.py", "indexing.py"}
        or PurePosixPath(module.name).parent.name == "text"
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []


def test_every_package_of_the_program_has_an_init() -> None:
    folders = {path.parent for path in tracked_files() if path.suffix == ".py" and PACKAGE in path.parents}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
