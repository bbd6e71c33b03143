"""Which operation is answered by which function and called by which contract tests, read from the code."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from starlette.routing import Route

import zhiku
from zhiku.http.openapi import plain_path
from zhiku.http.operation import Endpoint

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "contract"
# What contract tests call by another name than its path.
HELPERS = (ROOT / "tests" / "product.py", TESTS / "calls.py", TESTS / "working.py", TESTS / "conftest.py")
METHODS = ("get", "post", "put", "patch", "delete")
HOLE = "{}"
# Parameters that a test may write out.
FREE = ("{action}", "{asset}", "{icon}", "{model_type}", "{batch}", "{node_id}")

HEAD = """# Operations and their tests

Written by `make docs` from the routes and the contract tests. The number is the operation's in the contract's table of
routes; operations without one are Zhiku's own. The test files are those whose first
line names the operation's number or section of the contract; where none does, those that call it by its path. Beside
these, every operation is called by its own description (`tests/properties/test_own_openapi.py`) and, where the official
specification has it, by that (`tests/contract/test_official_spec.py`).

| # | operation | function | tests |
| --- | --- | --- | --- |
"""

NUMBERS = """
1 POST /datasets
2 GET /datasets
3 GET /datasets/{dataset_id}
4 PATCH /datasets/{dataset_id}
5 DELETE /datasets/{dataset_id}
6 POST /datasets/{dataset_id}/document/create-by-text
7 POST /datasets/{dataset_id}/document/create-by-file
8 GET /datasets/{dataset_id}/documents
9 GET /datasets/{dataset_id}/documents/{document_id}
10 DELETE /datasets/{dataset_id}/documents/{document_id}
11 PATCH /datasets/{dataset_id}/documents/{document_id}
12 GET /datasets/{dataset_id}/documents/{document_id}/download
13 GET /datasets/{dataset_id}/documents/{batch}/indexing-status
14 POST /datasets/{dataset_id}/documents/{document_id}/update-by-text
15 POST /datasets/{dataset_id}/documents/{document_id}/update-by-file
16 POST /datasets/{dataset_id}/documents/download-zip
17 PATCH /datasets/{dataset_id}/documents/status/{action}
18 POST /datasets/{dataset_id}/documents/{document_id}/segments
19 GET /datasets/{dataset_id}/documents/{document_id}/segments
20 GET /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}
21 POST /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}
21 PATCH /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}
22 DELETE /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}
23 POST /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}/child_chunks
24 GET /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}/child_chunks
25 PATCH /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}/child_chunks/{child_chunk_id}
26 DELETE /datasets/{dataset_id}/documents/{document_id}/segments/{segment_id}/child_chunks/{child_chunk_id}
27 POST /datasets/{dataset_id}/retrieve
28 POST /datasets/tags
29 GET /datasets/tags
30 PATCH /datasets/tags
31 DELETE /datasets/tags
32 POST /datasets/tags/binding
33 POST /datasets/tags/unbinding
34 GET /datasets/{dataset_id}/tags
34 POST /datasets/{dataset_id}/tags
35 POST /datasets/{dataset_id}/metadata
36 GET /datasets/{dataset_id}/metadata
37 PATCH /datasets/{dataset_id}/metadata/{metadata_id}
38 DELETE /datasets/{dataset_id}/metadata/{metadata_id}
39 GET /datasets/{dataset_id}/metadata/built-in
39 GET /datasets/metadata/built-in
40 POST /datasets/{dataset_id}/metadata/built-in/{action}
41 POST /datasets/{dataset_id}/documents/metadata
42 GET /workspaces/current/models/model-types/{model_type}
43 POST /datasets/pipeline/file-upload
44 GET /datasets/{dataset_id}/pipeline/datasource-plugins
45 POST /datasets/{dataset_id}/pipeline/datasource/nodes/{node_id}/run
46 POST /datasets/{dataset_id}/pipeline/run
47 GET /datasets/{dataset_id}/documents/{document_id}/upload-file
48 GET /files/{file_id}/file-preview
48 GET /files/{file_id}/image-preview
49 POST /retrieval
50 GET /
"""

Call = tuple[str | None, str]
"""A method in lower case, None where the code leaves it open, and a path with `{}` for what is not constant."""


@dataclass
class Row:
    """One operation: its contract number, 0 for Zhiku's own, where it is answered and which test files call it."""

    method: str
    path: str
    function: str
    aliases: tuple[str, ...]
    number: int = 0
    tests: list[str] = field(default_factory=list[str])


def operations_page() -> str:
    """Return docs/operations.md."""
    lines = [
        f"| {row.number or ''} | `{row.method} {row.path}` | `{row.function}` | {', '.join(row.tests)} |"
        for row in sorted(rows(), key=lambda row: (row.number or 1000, row.path, row.method))
    ]
    return HEAD + "\n".join(lines) + "\n"


def rows() -> list[Row]:
    """Return every operation with its test files: those about it, or where there are none those that call it."""
    found = list(declared())
    modules = sorted(TESTS.glob("test_*.py"))
    for row in found:
        row.tests = [module.name for module in modules if row.number in claimed_numbers(module)]
    for module in modules:
        calls = set(calls_of(module))
        for row in found:
            if row.number not in claimed_anywhere() and any(is_call_of(row, call) for call in calls):
                row.tests.append(module.name)
    return found


@cache
def claimed_anywhere() -> set[int]:
    """Return the numbers of operations that some contract test is about."""
    return set[int]().union(*(claimed_numbers(module) for module in TESTS.glob("test_*.py")))


def contract_numbers() -> dict[tuple[str, str], int]:
    """Return the contract's number of each of its operations."""
    lines = [line.split(" ") for line in NUMBERS.strip().splitlines()]
    return {(method, path): int(number) for number, method, path in lines}


def declared() -> Iterator[Row]:
    """Yield every operation, without its tests; aliases are no operations of their own."""
    for module in pkgutil.walk_packages(zhiku.__path__, "zhiku."):
        if module.name.endswith("routes"):
            where = module.name.removeprefix("zhiku.").replace(".", "/") + ".py"
            routes = importlib.import_module(module.name).router.routes
            mounted = [route.endpoint for route in routes if isinstance(route, Route)]
            endpoints = [endpoint for endpoint in mounted if isinstance(endpoint, Endpoint)]
            yield from (_row(each, where) for each in endpoints if each.path == each.operation.path)


def _row(endpoint: Endpoint, where: str) -> Row:
    operation = endpoint.operation
    path = plain_path(operation.path)
    return Row(
        method=operation.method,
        path=path,
        function=f"{where}:{operation.handler.__name__}",
        aliases=tuple(plain_path(alias) for alias in operation.aliases),
        number=contract_numbers().get((operation.method, path), 0),
    )


def is_call_of(row: Row, call: Call) -> bool:
    """Tell whether a call in a test may be one of this operation or of an alias."""
    method, called = call
    if method is not None and method != row.method.lower():
        return False
    return any(_fits(called, path) for path in (row.path, *row.aliases))


def _fits(called: str, path: str) -> bool:
    """Compare part by part: a hole in a call stands for a parameter, or for the action or verb at its end."""
    given = called.partition("?")[0].removeprefix("/v1").rstrip("/").split("/")
    wanted = path.rstrip("/").split("/")
    if len(given) != len(wanted):
        return False
    pairs = zip(given, wanted, strict=True)
    return all(have == want or (have == HOLE and "{" in want) or want in FREE for have, want in pairs)


def calls_of(module: Path) -> Iterator[Call]:
    """Yield the calls in a test module, with those of helpers that it names."""
    tree = ast.parse(module.read_text(encoding="utf-8"))
    texts = _constants(tree)
    yield from _calls(tree, texts)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in called}
    names |= {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
    for helper in HELPERS:
        helping = ast.parse(helper.read_text(encoding="utf-8"))
        for function in ast.walk(helping):
            if isinstance(function, ast.FunctionDef) and function.name in names:
                yield from _calls(function, _constants(helping))


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts of names that are given one, and of functions that return a path."""
    texts: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts.setdefault(node.targets[0].id, _text(node.value, texts))
        elif isinstance(node, ast.FunctionDef):
            returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
            if len(returned) == 1:
                texts.setdefault(node.name, _text(returned[0], texts))
    return {name: text for name, text in texts.items() if text.startswith("/")}


def _calls(tree: ast.AST, texts: dict[str, str]) -> Iterator[Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            yield from _called(node, node.func.attr, texts)
        elif isinstance(node, ast.Tuple) and len(node.elts) > 1:
            method, path = (_text(part, texts) for part in node.elts[:2])
            if method.lower() in METHODS and path.startswith("/"):
                yield method.lower(), path


def _called(node: ast.Call, name: str, texts: dict[str, str]) -> Iterator[Call]:
    if name in METHODS:
        yield name, _text(node.args[0], texts)
    elif name == "request" and len(node.args) > 1:
        method, path = (_text(part, texts) for part in node.args[:2])
        yield (method.lower() if method.lower() in METHODS else None), path


def _text(node: ast.expr, texts: dict[str, str]) -> str:
    """Return what is constant of a text, with `{}` for each part that is not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, texts) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, texts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, texts) + _text(node.right, texts)
    if isinstance(node, ast.Name):
        return texts.get(node.id, HOLE)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return texts.get(node.func.id, HOLE)
    return HOLE


@cache
def claimed_numbers(module: Path) -> frozenset[int]:
    """Return the numbers of operations that a test module's docstring names: `3.3-11, 14, 15`, `3.3-8 to 10`, `3.4`."""
    claimed: set[int] = set()
    about = (ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or "").rpartition("(contract ")[2]
    section = ""
    for part in about.partition(")")[0].split(", "):
        dashed = re.match(r"(3\.\d)-", part)
        section = dashed[1] if dashed else section
        numbers = re.fullmatch(r"(\d+)(?: to (\d+))?", part.removeprefix(f"{section}-"))
        asked = range(int(numbers[1]), int(numbers[2] or numbers[1]) + 1) if numbers else range(0)
        within = set(asked) & SECTIONS.get(section, set())
        claimed |= within or SECTIONS.get(re.split(r"(?<=[5-9])\.| ", part)[0], set())
    return frozenset(claimed)


SECTIONS = {
    "3.2": {*range(1, 6)},
    "3.3": {*range(6, 18), 47, 48},
    "3.4": {*range(18, 23)},
    "3.5": {*range(23, 27)},
    "3.7": {*range(1, 50)},
    "5": {27},
    "6": {*range(35, 42)},
    "7": {*range(28, 35)},
    "8": {42},
    "9": {*range(43, 47)},
}
"""The contract's sections that tell a group of operations sentence by sentence."""
