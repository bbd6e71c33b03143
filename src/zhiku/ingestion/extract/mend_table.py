"""Tables as one line of text per row, each value with its column's header."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence

DELIMITERS = ",\t;|"
SAMPLE_LINES = 20
# One cell may be as large as the whole file; Python's own bound is 128 KiB.
FIELD_CHARS = 1 << 30
# How many rows of one cell may stand above the headers.
TITLE_ROWS = 5


def mend_csv(text: str) -> str:
    """The rows of a CSV file as lines (see `table_lines`)."""
    csv.field_size_limit(FIELD_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=find_delimiter(text))
    return "\n".join(table_lines(reader))


def find_delimiter(text: str) -> str:
    """The delimiter that splits the first lines most evenly."""
    lines = [line for line in text[:65536].splitlines()[:SAMPLE_LINES] if line.strip()]
    return max(DELIMITERS, key=lambda delimiter: evenness(lines, delimiter))


def evenness(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """How many lines have as many of the delimiter as the first, and how many that is."""
    first = lines[0].count(delimiter) if lines else 0
    return (sum(line.count(delimiter) == first for line in lines) if first else 0, first)


def table_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line `"header":"value";…` for each row after the headers; values without text are left out.

    The first row with text holds the headers, but for titles: rows of one cell above one of several. These, and a table
    that ends with its headers, become lines of their values.
    """
    filled = ([" ".join(cell.split()) for cell in row] for row in rows)
    with_text = (row for row in filled if any(row))
    first = list(itertools.islice(with_text, TITLE_ROWS + 1))
    titles = next((n for n, row in enumerate(first) if count_cells(row) > 1), 0)
    yield from map(values_line, first[:titles])
    headers, rest = first[titles : titles + 1], first[titles + 1 :]
    has_rows = False
    for row in itertools.chain(rest, with_text):
        has_rows = True
        yield "".join(
            f'"{headers[0][n] if n < len(headers[0]) else ""}":"{cell}";' for n, cell in enumerate(row) if cell
        )
    if not has_rows:
        yield from map(values_line, headers)


def count_cells(row: Sequence[str]) -> int:
    """How many cells of a row have text."""
    return sum(1 for cell in row if cell)


def values_line(row: Sequence[str]) -> str:
    """A row without headers as a line."""
    return "".join(f'"{cell}";' for cell in row if cell)


def table_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table, the first one its header."""
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])
