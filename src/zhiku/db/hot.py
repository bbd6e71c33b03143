"""Reads that every request makes, and writes of many rows: compiled once and run by the driver itself."""

import sqlite3
from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Boolean, Connection, Table, insert
from sqlalchemy.dialects import sqlite

WIDTH = 32
"""How many numbers one `IN` takes; fewer are filled up with one that no row has, so that the text never changes."""

NO_NUMBER = -1


class HotRead:
    """A read whose rows come as plain sequences, for a third of what SQLAlchemy takes; run by `Database.fetch`.

    Values are named as in the statement's `bindparam`s. Source: docs/decisions/0002.
    """

    def __init__(self, statement: Any) -> None:
        """Compile a `select`; it is never changed afterwards."""
        self._statement = statement
        compiled = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
        self._text = str(compiled)
        self._names = cast("Sequence[str]", compiled.positiontup)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        columns = cast("Sequence[Any]", list(statement.selected_columns))
        self._booleans = [index for index, column in enumerate(columns) if isinstance(column.type, Boolean)]

    def rows(self, conn: Connection, values: dict[str, Any]) -> list[Any]:
        """Return all rows by way of SQLAlchemy, inside a transaction of the caller's."""
        found: Any = conn.execute(self._statement, values)
        return list(found)

    def run(self, driver: sqlite3.Connection, values: dict[str, Any]) -> list[Any]:
        """Return all rows from SQLite's driver itself."""
        given = self._constants | values
        found: list[Any] = driver.execute(self._text, tuple(map(given.__getitem__, self._names))).fetchall()
        if not self._booleans:
            return found
        return [self._with_booleans(row) for row in found]

    def _with_booleans(self, row: Sequence[Any]) -> list[Any]:
        values = list(row)
        for index in self._booleans:
            values[index] = bool(values[index])
        return values


class HotInsert:
    """An insert of many rows into a table, each a mapping of the same columns; half the cost of SQLAlchemy's own."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        """Compile it; it is never changed afterwards."""
        self._statement = insert(table)
        compiled: Any = self._statement.compile(dialect=sqlite.dialect(), column_keys=list(columns))
        self._text = str(compiled)
        self._values = itemgetter(*compiled.positiontup)

    def run(self, tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Add the rows, at least one, in the caller's transaction; values must be what SQLite takes as they are."""
        if tx.dialect.name == "sqlite":
            tx.exec_driver_sql(self._text, [self._values(row) for row in rows])
        else:
            tx.execute(self._statement, rows)


@cache
def fixed_in(name: str) -> list[str]:
    """Return the names of the parameters of an `IN` of fixed width."""
    return [f"{name}_{index}" for index in range(WIDTH)]


def fill_in(name: str, numbers: Sequence[int]) -> dict[str, int]:
    """Return the values of such an `IN` for at most `WIDTH` numbers."""
    return dict(zip(fixed_in(name), [*numbers, *[NO_NUMBER] * (WIDTH - len(numbers))], strict=True))
