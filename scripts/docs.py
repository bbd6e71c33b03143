"""Write the generated parts of the documentation: the error codes, which file answers which operation, and its tests.

`--check` writes nothing and fails when a part is not what it should be.
"""

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from operation_table import operations_page
from starlette.routing import Route

import zhiku
from zhiku.errors import ZhikuError
from zhiku.http.operation import Endpoint

ROOT = Path(__file__).resolve().parent.parent
OPERATIONS_PAGE = ROOT / "docs" / "operations.md"
ERRORS = ROOT / "docs" / "errors.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
OPERATIONS = re.compile(r"(?<=<!-- operations: make docs -->\n).*?(?=<!-- operations end -->)", re.DOTALL)

ERRORS_HEAD = """# Errors

Written by `make docs` from `src/zhiku/errors.py`. Every refusal has the same body:
`{"code": …, "message": …, "status": …}`. The message below may give way to one that names the cause more precisely;
the code and the status stay.
"""


def main(is_check: bool) -> int:
    """Return 1 if a page is behind and may not be written, else 0."""
    pages = {ERRORS: errors_page(), OPERATIONS_PAGE: operations_page()}
    if ARCHITECTURE.exists():
        pages[ARCHITECTURE] = architecture_page()
    behind = [page for page, text in pages.items() if not page.exists() or page.read_text(encoding="utf-8") != text]
    for page in behind:
        print(f"{page.relative_to(ROOT)} is {'behind: make docs' if is_check else 'written'}")
        if not is_check:
            page.write_text(pages[page], encoding="utf-8")
    return int(is_check and bool(behind))


def errors_page() -> str:
    """Return docs/errors.md: a section for each code, sorted by code."""
    parts = [ERRORS_HEAD]
    for error in sorted(tree(ZhikuError), key=lambda error: (error.code, error.status)):
        about = inspect.cleandoc(error.__doc__ or "").replace("\n\n", "\n")
        parts.append(f"## `{error.code}`\nStatus {error.status}. {about}\n\n> {error.message}\n")
    return "\n".join(parts)


def tree(root: type[ZhikuError]) -> Iterator[type[ZhikuError]]:
    """Yield a class and all below it."""
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def architecture_page() -> str:
    """Return ARCHITECTURE.md with the table of operations between its marks; unchanged if it has none."""
    rows = sorted(set(operations()))
    width = max(len(path) for path, _, _ in rows)
    lines = [f"{method:<6} {path:<{width}}  {where}" for path, method, where in rows]
    table = "```text\n" + "\n".join(lines) + "\n```\n"
    return OPERATIONS.sub(lambda _: table, ARCHITECTURE.read_text(encoding="utf-8"))


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield path, method and answering file of every operation; aliases are left out."""
    for module in pkgutil.walk_packages(zhiku.__path__, "zhiku."):
        if not module.name.endswith("routes"):
            continue
        for route in importlib.import_module(module.name).router.routes:
            if isinstance(route, Route) and isinstance(route.endpoint, Endpoint):
                declared = route.endpoint.operation
                path = re.sub(r":\w+}", "}", declared.path)
                yield path, declared.method, module.name.removeprefix("zhiku.").replace(".", "/") + ".py"


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
