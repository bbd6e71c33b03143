"""What a JSON body may look like, and what is refused in one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.errors import BadRequest, InvalidParam, ZhikuError
from zhiku.http.body import MAX_DEPTH, decode_json, decode_value

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_body_is_read_in_any_unicode_encoding_with_its_mark(encoding: str) -> None:
    assert decode_json('{"name": "知库 😀"}'.encode(encoding)) == {"name": "知库 😀"}


@pytest.mark.parametrize("raw", [b"", b"  \r\n", b"null", b" null "])
def test_an_empty_body_and_null_are_no_body(raw: bytes) -> None:
    assert decode_json(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"name=x",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\n"}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_not_clean_json_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        decode_json(raw)


@pytest.mark.parametrize("raw", [b"[]", b'"text"', b"1", b"true"])
def test_json_that_is_no_object_names_the_body(raw: bytes) -> None:
    with pytest.raises(InvalidParam, match=r"^body: "):
        decode_json(raw)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert decode_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "😀"}


@given(JSON_VALUES)
def test_any_json_comes_back_as_it_was(value: Any) -> None:
    assert decode_value(json.dumps(value).encode()) == value
    assert decode_value(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_4xx(raw: bytes) -> None:
    try:
        decode_json(raw)
    except ZhikuError as error:
        assert error.status == 400
