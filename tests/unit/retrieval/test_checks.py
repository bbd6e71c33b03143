"""What each operator says of a stored value: the table of contract 5.6, row by row."""

from typing import Any, get_args

import pytest

from zhiku.datasets.metadata_conditions import Condition, Operator
from zhiku.retrieval.checks import make_check, passes
from zhiku.text.readings import read_value

MISSING = object()
DAY = 1714521600  # 2024-05-01 00:00 UTC


def says(stored: Any, operator: str, value: Any = None, field_type: str = "string") -> bool:
    condition = Condition.model_validate({"name": "field", "comparison_operator": operator, "value": value})
    check = make_check(condition, field_type)
    assert check is not None
    return passes(check, None if stored is MISSING else read_value(stored))


@pytest.mark.parametrize(
    ("stored", "operator", "value", "expected"),
    [
        ("Report 2024", "contains", "port", True),
        ("Report 2024", "contains", "PORT", False),
        ("Report 2024", "contains", "", True),
        ("100%", "contains", "%", True),
        ("100", "contains", "%", False),
        ("a_b", "contains", "a_b", True),
        ("axb", "contains", "a_b", False),
        ("知识库", "contains", "识", True),
        (5.5, "contains", ".5", True),
        (15, "contains", 5, True),
        ("ab", "contains", ["x", "b"], True),
        ("ab", "contains", ["x", "y"], False),
        ("ab", "contains", [], False),
        ("ab", "not contains", "x", True),
        ("ab", "not contains", "a", False),
        ("ab", "not contains", ["x", "b"], False),
        ("ab", "not contains", ["x", "y"], True),
        ("ab", "not contains", [], True),
        ("Report", "start with", "Re", True),
        ("Report", "start with", "re", False),
        ("Report", "start with", ["x", "Rep"], True),
        ("Report", "end with", "ort", True),
        ("ort", "end with", "Report", False),
        ("Report", "end with", ["x", "t"], True),
        (120, "start with", "12", True),
    ],
)
def test_text_operators_are_literal_and_case_sensitive(stored: Any, operator: str, value: Any, expected: bool) -> None:
    assert says(stored, operator, value) is expected


@pytest.mark.parametrize(
    ("stored", "field_type", "value", "expected"),
    [
        ("a", "string", "a", True),
        ("a", "string", "A", False),
        ("a", "string", "a ", False),
        ("5.0", "string", "5", False),
        ("5.0", "string", 5, True),
        ("x", "string", 5, False),
        (5, "string", "5", True),
        (5, "number", 5.0, True),
        (5.5, "number", 5, False),
        ("7", "number", 7, True),
        ("7", "number", "7.0", True),
        (7, "number", " 7 ", True),
        ("seven", "number", "seven", True),
        ("seven", "number", 7, False),
        (DAY, "time", "2024-05-01", True),
        ("2024-05-01 00:00", "time", "2024-05-01T08:00:00+08:00", True),
        ("2024-05-01", "time", str(DAY), True),
        ("2024-05-01", "string", "2024-05-01 00:00", False),
        ("soon", "time", "soon", True),
        ("soon", "time", "2024-05-01", False),
        (10**400, "number", 10**400, True),
    ],
)
def test_equality_is_of_text_of_numbers_or_of_instants(
    stored: Any, field_type: str, value: Any, expected: bool
) -> None:
    for operator in ("is", "="):
        assert says(stored, operator, value, field_type) is expected
    for operator in ("is not", "≠"):
        assert says(stored, operator, value, field_type) is not expected


@pytest.mark.parametrize(
    ("stored", "value", "expected"),
    [
        ("a", ["a", "b"], True),
        ("a", "b, a ,", True),
        ("a", "A,B", False),
        (" a", [" a"], True),
        ("a", ["a,b"], False),
        ("a,b", ["a,b"], True),
        (5, [5, 6], True),
        (5, "5,6", True),
        (5, 5, True),
        (5, ["5"], True),
        (5.0, ["5"], False),
        ("", ["", "x"], True),
    ],
)
def test_in_compares_the_text_with_a_list(stored: Any, value: Any, expected: bool) -> None:
    assert says(stored, "in", value) is expected
    assert says(stored, "not in", value) is not expected


@pytest.mark.parametrize("value", [[], "", " , ,"])
@pytest.mark.parametrize("stored", ["a", "", None, MISSING])
def test_nothing_is_in_an_empty_list_and_everything_is_not(stored: Any, value: Any) -> None:
    assert says(stored, "in", value) is False
    assert says(stored, "not in", value) is True


@pytest.mark.parametrize(("stored", "is_empty"), [(MISSING, True), (None, True), ("", True), (" ", False), (0, False)])
@pytest.mark.parametrize("value", [None, "ignored", ["ignored"], 5])
def test_empty_is_missing_null_or_no_text(stored: Any, is_empty: bool, value: Any) -> None:
    assert says(stored, "empty", value) is is_empty
    assert says(stored, "not empty", value) is not is_empty


@pytest.mark.parametrize(
    ("stored", "value", "smaller", "equal"),
    [
        (1, 2, True, False),
        (2, 2.0, False, True),
        (10, 9, False, False),
        ("10", "9", False, False),
        (" 7 ", "7.0", False, True),
        ("1e3", 999, False, False),
        ("-1", 0, True, False),
    ],
)
@pytest.mark.parametrize("field_type", ["string", "number", "time"])
def test_numbers_are_compared_as_numbers(stored: Any, value: Any, smaller: bool, equal: bool, field_type: str) -> None:
    assert says(stored, "<", value, field_type) is smaller
    assert says(stored, "≤", value, field_type) is says(stored, "<=", value, field_type) is (smaller or equal)
    assert says(stored, ">", value, field_type) is (not smaller and not equal)
    assert says(stored, "≥", value, field_type) is says(stored, ">=", value, field_type) is not smaller


@pytest.mark.parametrize(("stored", "value"), [("x", 1), (1, "x"), ("", 1), (1, ""), ("1,5", 1), ("١", 0), ("nan", 0)])
@pytest.mark.parametrize("operator", [">", "<", "≥", "≤"])
def test_what_is_no_number_matches_no_comparison(stored: Any, operator: str, value: Any) -> None:
    assert says(stored, operator, value) is False


@pytest.mark.parametrize(
    ("stored", "value", "order"),
    [
        (DAY, "2024-05-02", -1),
        ("2024-05-01", DAY, 0),
        ("2024-05-01 12:30", "2024-05-01 12:30:01", -1),
        ("2024-05-01T10:00:00+08:00", "2024-05-01T03:00:00Z", -1),
        (str(DAY), "2024-04-30T23:59:59.5", 1),
        (DAY + 0.5, DAY, 1),
    ],
)
@pytest.mark.parametrize("field_type", ["string", "number", "time"])
def test_before_and_after_compare_instants_strictly(stored: Any, value: Any, order: int, field_type: str) -> None:
    assert says(stored, "before", value, field_type) is (order < 0)
    assert says(stored, "after", value, field_type) is (order > 0)


@pytest.mark.parametrize(("stored", "value"), [("soon", DAY), (DAY, "soon"), ("", DAY), ("2024-13-01", 0)])
def test_what_is_no_time_is_neither_before_nor_after(stored: Any, value: Any) -> None:
    assert not says(stored, "before", value)
    assert not says(stored, "after", value)


@pytest.mark.parametrize("stored", [MISSING, None])
@pytest.mark.parametrize("operator", sorted(set(get_args(Operator)) - {"empty", "not empty"}))
@pytest.mark.parametrize("field_type", ["string", "number", "time"])
def test_a_missing_value_passes_no_operator_that_has_one(stored: Any, operator: str, field_type: str) -> None:
    assert says(stored, operator, "5", field_type) is False


@pytest.mark.parametrize("operator", ["contains", "not in", "is", ">", "before"])
def test_a_condition_without_a_value_is_skipped(operator: str) -> None:
    condition = Condition.model_validate({"name": "field", "comparison_operator": operator, "value": None})
    assert make_check(condition, "string") is None
