"""The limits of a file and a function: above them a reader loses the thread."""

import ast
from collections.abc import Iterable

from tests.layout.source import Function, functions, modules, tracked_files

FILE_LINES = 500
FUNCTION_LINES = 50
PARAMETERS = 6
NESTING = 3

BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)
SEPARATE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)

# A migration is one list of statements; cutting it up would hide what it does.
MIGRATIONS = "src/zhiku/db/migrations/versions/"


def lines_without_docstring(function: Function) -> int:
    """Return the lines from `def` to the end; decorators and docstring are not counted."""
    docstring = 0
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        docstring = (first.end_lineno or first.lineno) - first.lineno + 1
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def parameters(function: Function) -> int:
    """Return how many a caller can pass; `self` and `cls` are not passed by callers."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return len([argument for argument in named if argument.arg not in ("self", "cls")])


def nesting(nodes: Iterable[ast.AST]) -> int:
    """Return how deep blocks lie in each other; an `elif` is as deep as its `if`."""
    return max((depth(node) for node in nodes), default=0)


def depth(node: ast.AST) -> int:
    if isinstance(node, SEPARATE):
        return 0
    if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return max(1 + nesting(node.body), depth(node.orelse[0]))
    return isinstance(node, BLOCKS) + nesting(ast.iter_child_nodes(node))


def named(module: str, function: Function) -> str:
    return f"{module}:{function.lineno} {function.name}"


def test_no_file_is_longer_than_500_lines() -> None:
    too_long = {module.name: module.text.count("\n") for module in modules()}
    assert {name: lines for name, lines in too_long.items() if lines > FILE_LINES} == {}


def test_no_function_is_longer_than_50_lines_without_its_docstring() -> None:
    too_long = {
        named(module.name, function): lines_without_docstring(function)
        for module in modules()
        if not module.name.startswith(MIGRATIONS)
        for function in functions(module)
        if lines_without_docstring(function) > FUNCTION_LINES
    }
    assert too_long == {}


def test_no_function_takes_more_than_six_parameters() -> None:
    too_many = {
        named(module.name, function): parameters(function)
        for module in modules()
        for function in functions(module)
        if parameters(function) > PARAMETERS
    }
    assert too_many == {}


def test_no_function_nests_deeper_than_three_blocks() -> None:
    too_deep = {
        named(module.name, function): nesting(function.body)
        for module in modules()
        for function in functions(module)
        if nesting(function.body) > NESTING
    }
    assert too_deep == {}


def test_the_measures_see_what_they_measure() -> None:
    text = '''
def f(self, a, /, b, *, c):
    """Two
    lines."""
    for x in a:
        if x:
            pass
        elif b:
            with c:
                def g():
                    while True:
                        pass
'''
    function = ast.parse(text).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert (lines_without_docstring(function), parameters(function), nesting(function.body)) == (9, 3, 3)


def test_no_tracked_file_is_a_build_product_or_larger_than_two_megabytes() -> None:
    unwanted = [
        str(path)
        for path in tracked_files()
        if path.suffix in {".pyc", ".so", ".sqlite3", ".whl"} or path.stat().st_size > 2 * 1024 * 1024
    ]
    assert unwanted == []
