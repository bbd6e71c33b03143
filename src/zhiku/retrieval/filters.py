"""Metadata conditions → the documents that pass, by SQL that means the same on both engines (contract 5.6)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, not_, or_, select, true
from sqlalchemy.sql.elements import ColumnClause

from zhiku.datasets.built_in_fields import (
    BUILT_IN_TYPES,
    DOCUMENT_NAME,
    LAST_UPDATE_DATE,
    SOURCE,
    SOURCES,
    UPLOAD_DATE,
    UPLOADER,
)
from zhiku.datasets.metadata_conditions import MetadataConditions
from zhiku.datasets.store import Dataset
from zhiku.db.tables import api_keys, documents, metadata_fields, metadata_values
from zhiku.indexes.base import Scope
from zhiku.retrieval.checks import Check, make_check, passes
from zhiku.text.readings import HEAD_CHARS, read_value

Clause = ColumnElement[bool]
_DATES = {UPLOAD_DATE: documents.c.created_at, LAST_UPDATE_DATE: documents.c.updated_at}


@dataclass(frozen=True, slots=True)
class _Named:
    """A check of a field; `number` is None for a built-in one and for one that the dataset does not have."""

    name: str
    number: int | None
    check: Check


def find_scope(conn: Connection, dataset: Dataset, conditions: MetadataConditions) -> Scope | None:
    """Return the documents that pass, or those that do not where these are fewer; None if nothing is to be filtered."""
    named = _named_checks(conn, dataset.id, conditions)
    if not named:
        return None
    clauses = [_clause(conn, dataset, each) for each in named]
    undecided = [each for each, clause in zip(named, clauses, strict=True) if clause is None]
    is_all = conditions.logical_operator == "and"
    decided = [clause for clause in clauses if clause is not None]
    clause = and_(true(), *decided) if is_all else or_(false(), *decided)
    if undecided:
        return _scope_by_reading(conn, dataset.id, clause, undecided, is_all=is_all)
    return _scope_by_sql(conn, dataset.id, clause, is_wide=all(each.check.is_negated for each in named))


def _named_checks(conn: Connection, dataset_id: str, conditions: MetadataConditions) -> list[_Named]:
    """Return the checks of all conditions that have a value, in terms of the dataset's fields."""
    own = {each.name for each in conditions.conditions} - set(BUILT_IN_TYPES)
    fields: dict[str, tuple[int, str]] = {}
    if own:
        wanted = metadata_fields.c.dataset_id == dataset_id, metadata_fields.c.name.in_(own)
        statement = select(metadata_fields.c.name, metadata_fields.c.number, metadata_fields.c.type).where(*wanted)
        fields = {name: (number, field_type) for name, number, field_type in conn.execute(statement)}
    named: list[_Named] = []
    for condition in conditions.conditions:
        number, field_type = fields.get(condition.name, (None, BUILT_IN_TYPES.get(condition.name, "string")))
        check = make_check(condition, field_type)
        if check is not None:
            named.append(_Named(condition.name, number, check))
    return named


def _scope_by_sql(conn: Connection, dataset_id: str, clause: Clause, *, is_wide: bool) -> Scope:
    """Read at most half of the dataset's documents, or one more and then the rest; `is_wide` expects most to pass."""
    of_dataset = documents.c.dataset_id == dataset_id
    total = conn.execute(select(func.count()).select_from(documents).where(of_dataset)).scalar_one()
    numbers = select(documents.c.number).where(of_dataset)
    expected, other = (not_(clause), clause) if is_wide else (clause, not_(clause))
    found = conn.execute(numbers.where(expected).limit(total // 2 + 1)).scalars().all()
    if len(found) <= total // 2:
        return Scope(frozenset(found), is_complement=is_wide)
    return Scope(frozenset(conn.execute(numbers.where(other)).scalars()), is_complement=not is_wide)


def _scope_by_reading(
    conn: Connection, dataset_id: str, clause: Clause, undecided: Sequence[_Named], *, is_all: bool
) -> Scope:
    """Decide about names and dates in Python where no SQL means the same on both engines."""
    statement = select(
        documents.c.number,
        case((clause, 1), else_=0),
        documents.c.name,
        documents.c.created_at,
        documents.c.updated_at,
    ).where(documents.c.dataset_id == dataset_id)
    inside: set[int] = set()
    outside: set[int] = set()
    combine = all if is_all else any
    for number, is_decided, name, created_at, updated_at in conn.execute(statement):
        values = {DOCUMENT_NAME: name, UPLOAD_DATE: int(created_at), LAST_UPDATE_DATE: int(updated_at)}
        is_inside = combine(
            [bool(is_decided), *(passes(each.check, read_value(values[each.name])) for each in undecided)]
        )
        (inside if is_inside else outside).add(number)
    if len(inside) <= len(outside):
        return Scope(frozenset(inside), is_complement=False)
    return Scope(frozenset(outside), is_complement=True)


def _clause(conn: Connection, dataset: Dataset, named: _Named) -> Clause | None:
    """Return what a document must be like, None where SQL cannot say it."""
    check = named.check
    if named.number is not None:
        return _value_clause(named.number, check)
    if named.name == DOCUMENT_NAME:
        return None if check.kind in ("number", "moment") else _text_clause(documents.c.name, check)
    if named.name in _DATES:
        return _date_clause(_DATES[named.name], check)
    if named.name == SOURCE:
        kinds = [kind for kind, source in SOURCES.items() if passes(check, read_value(source))]
        return documents.c.data_source_type.in_(kinds)
    if named.name == UPLOADER:
        return _uploader_clause(conn, dataset, check)
    return true() if passes(check, None) else false()


def _value_clause(field_number: int, check: Check) -> Clause:
    having = select(metadata_values.c.document_number).where(metadata_values.c.field_number == field_number)
    if check.kind == "always":
        return true()
    if check.kind == "empty":
        filled = documents.c.number.in_(having.where(metadata_values.c.head != ""))
        return filled if check.is_negated else not_(filled)
    if check.kind in ("number", "moment"):
        compared = metadata_values.c.number if check.kind == "number" else metadata_values.c.moment
        like = _comparison(compared, check)
        alike = and_(metadata_values.c.text.is_not(None), or_(compared.is_(None), not_(like)))
        return documents.c.number.in_(having.where(alike if check.is_negated else like))
    if check.kind == "one_of" and all(len(text) < HEAD_CHARS for text in check.texts):
        like = _text_clause(metadata_values.c.head, check)
        return documents.c.number.in_(having.where(metadata_values.c.head.is_not(None), like))
    like = _text_clause(metadata_values.c.text, check)
    return documents.c.number.in_(having.where(metadata_values.c.text.is_not(None), like))


def _text_clause(text: ColumnElement[Any], check: Check) -> Clause:
    """Return the check of a text that is not null."""
    if check.kind == "always":
        return true()
    if check.kind == "empty":
        like: Clause = text == ""
    elif check.kind == "one_of":
        like = text.in_(check.texts)
    else:
        like = _any_of([_pattern(text, check, wanted) for wanted in check.texts])
    return not_(like) if check.is_negated else like


def _pattern(text: ColumnElement[Any], check: Check, wanted: str) -> Clause:
    """LIKE does not tell upper from lower case on SQLite, and the engines name the place of a text differently."""
    if not wanted:
        return true()
    if check.kind == "contains":
        return func.replace(text, wanted, "") != text
    if check.kind == "starts":
        return func.substr(text, 1, len(wanted)) == wanted
    return and_(
        func.length(text) >= len(wanted),
        func.substr(text, func.length(text) - len(wanted) + 1) == wanted,
    )


def _any_of(clauses: Sequence[Clause]) -> Clause:
    """Return an OR that is flat: SQLite takes no expression deeper than 1,000, and a plain OR of n is n deep."""
    if len(clauses) < 2:
        return or_(false(), *clauses)
    return case(*[(clause, 1) for clause in clauses], else_=0) == 1


def _comparison(compared: ColumnElement[Any], check: Check) -> Clause:
    if check.operand is None:
        return false()
    if check.symbol == "=":
        return compared == check.operand
    if check.symbol == "<":
        return compared < check.operand
    if check.symbol == ">":
        return compared > check.operand
    return compared <= check.operand if check.symbol == "≤" else compared >= check.operand


def _date_clause(at: ColumnClause[Any], check: Check) -> Clause | None:
    """Return the check of a date's whole seconds, which are kept with fractions; None for one that reads its text."""
    if check.kind == "always":
        return true()
    if check.kind == "empty":
        return true() if check.is_negated else false()
    if check.kind not in ("number", "moment"):
        return None
    if check.operand is None:
        return false()
    low, high = float(math.floor(check.operand)), float(math.ceil(check.operand))
    if check.symbol == "=":
        like = and_(at >= low, at < low + 1) if low == high else false()
    elif check.symbol in ("<", "≥"):
        like = at < high if check.symbol == "<" else at >= high
    else:
        like = at >= low + 1 if check.symbol == ">" else at < low + 1
    return not_(like) if check.is_negated else like


def _uploader_clause(conn: Connection, dataset: Dataset, check: Check) -> Clause:
    """Names belong to keys, of which there are few: decide about those, and about who has none any more."""
    statement = select(api_keys.c.actor_id, api_keys.c.actor_name).order_by(api_keys.c.created_at, api_keys.c.id.desc())
    # The newest key's name comes last and stays, as in the documents' replies.
    names: dict[str, str] = {row.actor_id: row.actor_name for row in conn.execute(statement)}
    passing = [actor_id for actor_id, name in names.items() if passes(check, read_value(name))]
    if passes(check, read_value(dataset.author_name)):
        return documents.c.created_by.not_in(names.keys() - set(passing))
    return documents.c.created_by.in_(passing)
