"""Metadata conditions become documents: SQL on both engines says what the plain check says, and reads little."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from tests.unit.indexes.catalog_rows import make_row
from zhiku.datasets import store as dataset_store
from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.store import Dataset
from zhiku.db.engine import Database
from zhiku.db.tables import api_keys, datasets, documents, metadata_fields, uploads
from zhiku.indexes.base import Scope
from zhiku.metadata.store import put_values
from zhiku.retrieval.checks import make_check, passes
from zhiku.retrieval.filters import find_scope
from zhiku.text.readings import Scalar, read_value

DAY = 1714521600  # 2024-05-01 00:00 UTC
TYPES = {"word": "string", "count": "number", "day": "time"}
MISSING = object()

# Stored values, and what they are compared with: all that one engine may see in another way.
VALUES: list[Any] = [
    MISSING, None, "", " ", "a", "A", "ab", "%", "_", "\\", "a'b", "é", "e\u0301", "知识", "🏷a", "ß", "İ",
    0, 5, "5", " 5", "5.0", 5.0, 5.5, -5, 10, "10", 10**30, 10**400, 1e300, "1e3", "nan",
    DAY, str(DAY), "2024-05-01", "2024-05-01T08:00+08:00", "2024-05-02", "soon",
]  # fmt: skip
OPERANDS: list[Any] = [
    "", "a", "%", "_", "\\", "'", "é", "\u0301", "识", "🏷", "SS", "i", 5, "5", " 5", 5.5, -5, 10**400, 1e300,
    DAY, "2024-05-01", "soon", [], ["a", 5], ["%", "5"], "a, 5,",
]  # fmt: skip
OPERATORS = ["contains", "not contains", "start with", "end with", "is", "is not", "in", "not in", "empty",
             "not empty", "=", "≠", ">", "<", "≥", "≤", "before", "after"]  # fmt: skip
ONE_VALUE = {"is", "is not", "=", "≠", ">", "<", "≥", "≤", "before", "after"}

Row = dict[str, Any]


def fill(database: Database, rows: Sequence[Row]) -> Dataset:
    """Return a dataset with one document for each row of values by field name; numbers count from 1."""
    with database.begin() as tx:
        tx.execute(insert(datasets), make_row(datasets, id="set", name="set", author_name="admin"))
        tx.execute(insert(api_keys), make_row(api_keys, id="k1", key_hash="1", actor_id="ann", actor_name="Ann"))
        fields = [
            make_row(metadata_fields, number=number, id=name, dataset_id="set", name=name, type=kind)
            for number, (name, kind) in enumerate(TYPES.items(), start=1)
        ]
        tx.execute(insert(metadata_fields), fields)
        tx.execute(insert(uploads), make_row(uploads, id="upload", dataset_id="set"))
        made = [document(number, row) for number, row in enumerate(rows, start=1)]
        tx.execute(insert(documents), made)
        put_values(
            tx,
            [
                (number, field, read_value(row[name]))
                for number, row in enumerate(rows, start=1)
                for field, name in enumerate(TYPES, start=1)
                if row.get(name, MISSING) is not MISSING
            ],
        )
    with database.read() as conn:
        found = dataset_store.find_dataset(conn, "set")
    assert found is not None
    return found


def document(number: int, row: Row) -> Row:
    return make_row(
        documents,
        number=number,
        id=f"doc{number}",
        dataset_id="set",
        position=number,
        upload_id="upload",
        name=row.get("document_name", f"Note {number}"),
        created_by=row.get("created_by", "ann"),
        created_at=row.get("created_at", DAY + number + 0.75),
        updated_at=row.get("created_at", DAY + number + 0.75),
        data_source_type=row.get("data_source_type", "upload_file"),
    )


def scope_of(database: Database, dataset: Dataset, *conditions: Row, logic: str | None = "and") -> Scope | None:
    shape = MetadataConditions.model_validate({"logical_operator": logic, "conditions": conditions})
    with database.read() as conn:
        return find_scope(conn, dataset, shape)


def passing(database: Database, dataset: Dataset, count: int, *conditions: Row, logic: str = "and") -> set[int]:
    """Return the numbers of the documents that pass."""
    return inside(scope_of(database, dataset, *conditions, logic=logic), count)


def inside(scope: Scope | None, count: int) -> set[int]:
    """Return the numbers from 1 to `count` that a scope lets pass; it names at most half of them."""
    assert scope is not None
    every = set(range(1, count + 1))
    assert len(scope.documents) <= (count + 1) // 2
    return every - scope.documents if scope.is_complement else set(scope.documents)


def one(name: str, operator: str, value: Any = None) -> Row:
    return {"name": name, "comparison_operator": operator, "value": value}


def expected(rows: Sequence[object], condition: Row, field_type: str) -> set[int]:
    """Return the numbers of the rows that pass by the plain check."""
    [shape] = MetadataConditions.model_validate({"conditions": [condition]}).conditions
    check = make_check(shape, field_type)
    assert check is not None
    return {
        number
        for number, value in enumerate(rows, start=1)
        if passes(check, None if value is MISSING else read_value(value))  # pyright: ignore[reportArgumentType]
    }


def compare_with_plain_check(
    database: Database, dataset: Dataset, name: str, field_type: str, values: Sequence[object], operands: Sequence[Any]
) -> None:
    """Try every operator with every operand; one connection for all, which is what takes the time otherwise."""
    with database.read() as conn:
        for operator, operand in product(OPERATORS, operands):
            if isinstance(operand, list) and operator in ONE_VALUE:
                continue
            condition = one(name, operator, operand)
            scope = find_scope(conn, dataset, MetadataConditions.model_validate({"conditions": [condition]}))
            assert inside(scope, len(values)) == expected(values, condition, field_type), condition


@pytest.mark.parametrize("name", TYPES)
def test_sql_says_of_own_fields_what_the_plain_check_says(database: Database, name: str) -> None:
    dataset = fill(database, [{name: value} for value in VALUES])
    compare_with_plain_check(database, dataset, name, TYPES[name], VALUES, OPERANDS)


def test_sql_says_of_names_what_the_plain_check_says(database: Database) -> None:
    names = [value for value in VALUES[2:] if isinstance(value, str)]
    dataset = fill(database, [{"document_name": name} for name in names])
    compare_with_plain_check(database, dataset, "document_name", "string", names, OPERANDS)


@pytest.mark.parametrize("name", ["upload_date", "last_update_date"])
def test_sql_says_of_dates_what_the_plain_check_says_of_whole_seconds(database: Database, name: str) -> None:
    times = [DAY - 1, DAY - 0.001, DAY, DAY + 0.999, DAY + 1, DAY + 86400.5]
    dataset = fill(database, [{"created_at": at} for at in times])
    operands: list[Any] = [DAY - 1, DAY, DAY + 0.5, DAY + 1, 10**400, 1e300, "2024-05-01", "soon", "", []]
    operands += [str(DAY)[:5], str(DAY)[-2:], [str(DAY), "x"], f"{DAY}, {DAY + 1}"]
    compare_with_plain_check(database, dataset, name, "time", [int(at) for at in times], operands)


def test_a_source_and_an_uploader_are_what_replies_show(database: Database) -> None:
    rows: list[Row] = [
        {"data_source_type": "upload_file", "created_by": "ann"},
        {"data_source_type": "website_crawl", "created_by": "gone"},
        {"data_source_type": "notion_import", "created_by": "ann"},
    ]
    dataset = fill(database, rows)
    operands: list[Any] = ["website", "o", "on", ["notion", "x"], "Ann", "n", "admin", "5", 5, "", []]
    compare_with_plain_check(database, dataset, "source", "string", ["file_upload", "website", "notion"], operands)
    compare_with_plain_check(database, dataset, "uploader", "string", ["Ann", "admin", "Ann"], operands)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_field_that_the_dataset_does_not_have_is_missing_everywhere(database: Database, operator: str) -> None:
    dataset = fill(database, [{"word": "a"}, {}])
    everything = {1, 2} if operator == "empty" else set[int]()
    assert passing(database, dataset, 2, one("unknown", operator, "5")) == everything
    assert passing(database, dataset, 2, one("unknown", "not in", [])) == {1, 2}


@pytest.mark.parametrize("size", [63, 64, 65, 200])
def test_long_texts_are_compared_to_their_end(database: Database, size: int) -> None:
    texts = ["知" * size, "知" * size + "x", "知" * (size - 1), "知" * 64]
    dataset = fill(database, [{"word": text} for text in texts])
    operands: list[Any] = [*texts, [texts[1], "y"], texts[0] + "y"]
    compare_with_plain_check(database, dataset, "word", "string", texts, operands)


def test_conditions_are_joined_by_and_or_or(database: Database) -> None:
    dataset = fill(database, [{"word": "a", "count": 1}, {"word": "a"}, {"count": 1}, {}])
    pair = one("word", "is", "a"), one("count", ">", 0)
    assert passing(database, dataset, 4, *pair) == {1}
    assert passing(database, dataset, 4, *pair, logic="or") == {1, 2, 3}
    by_reading = one("document_name", "end with", "4"), one("upload_date", "contains", str(DAY + 4))
    assert passing(database, dataset, 4, *by_reading) == {4}
    assert passing(database, dataset, 4, pair[0], by_reading[1]) == set()
    assert passing(database, dataset, 4, pair[0], by_reading[1], logic="or") == {1, 2, 4}


def test_no_logical_operator_means_and(database: Database) -> None:
    dataset = fill(database, [{"word": "a", "count": 1}, {"word": "a"}, {}])
    pair = one("word", "is", "a"), one("count", ">", 0)
    assert scope_of(database, dataset, *pair, logic=None) == Scope(frozenset({1}), is_complement=False)


def test_without_any_condition_that_has_a_value_there_is_no_filter(database: Database) -> None:
    dataset = fill(database, [{"word": "a"}])
    assert scope_of(database, dataset) is None
    assert scope_of(database, dataset, one("word", "is"), one("count", ">", None)) is None
    skipped = scope_of(database, dataset, one("word", "is"), one("word", "is", "b"))
    assert skipped == Scope(frozenset(), is_complement=False)


def test_the_smaller_side_is_returned(database: Database) -> None:
    dataset = fill(database, [{"word": "a"}, {"word": "a"}, {"word": "b"}])
    assert scope_of(database, dataset, one("word", "is", "a")) == Scope(frozenset({3}), is_complement=True)
    assert scope_of(database, dataset, one("word", "is", "b")) == Scope(frozenset({3}), is_complement=False)
    assert scope_of(database, dataset, one("word", "not empty")) == Scope(frozenset(), is_complement=True)


def test_documents_of_other_datasets_never_pass(database: Database) -> None:
    dataset = fill(database, [{"word": "a"}])
    with database.begin() as tx:
        tx.execute(insert(datasets), make_row(datasets, id="other", name="other"))
        tx.execute(insert(documents), document(2, {}) | {"dataset_id": "other"})
    for operator, value in (("empty", None), ("not in", []), ("is", "a")):
        scope = scope_of(database, dataset, one("word", operator, value), one("source", "not empty"), logic="or")
        assert scope == Scope(frozenset(), is_complement=True)


def test_a_thousand_patterns_and_a_hundred_conditions_are_no_problem(database: Database) -> None:
    dataset = fill(database, [{"word": "x"}, {"word": "needle"}])
    patterns = [f"p{number}" for number in range(999)] + ["eed"]
    many = [one("word", "contains", patterns)] + [one("word", "is not", f"v{number}") for number in range(99)]
    assert passing(database, dataset, 2, *many) == {2}
    listed = [one("word", "in", ["needle", *patterns[:290]])] * 100
    assert passing(database, dataset, 2, *listed) == {2}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operator=st.sampled_from([each for each in OPERATORS if each not in ONE_VALUE]),
    wanted=st.lists(st.text("aAb%_\\'é知 ,", max_size=3), max_size=3),
)
def test_any_short_texts_are_matched_alike(
    alphabet: tuple[Database, Dataset], operator: str, wanted: list[str]
) -> None:
    database, dataset = alphabet
    condition = one("word", operator, wanted)
    assert passing(database, dataset, len(TEXTS), condition) == expected(TEXTS, condition, "string")


TEXTS: list[Scalar] = ["".join(letters) for size in range(4) for letters in product("aA%'知", repeat=size)]


@pytest.fixture
def alphabet(sqlite_database: Database) -> tuple[Database, Dataset]:
    """A dataset with all texts of up to three of some letters."""
    return sqlite_database, fill(sqlite_database, [{"word": text} for text in TEXTS])
