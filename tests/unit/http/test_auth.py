"""The Authorization header, sentence by sentence (contract 2.1)."""

import pytest

from zhiku.errors import Unauthorized
from zhiku.http.auth import NO_HEADER, WRONG_SCHEME, read_key


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  \t abc  ", "abc"),
        ("  Bearer abc", "abc"),
        ("Bearer a b", "a b"),
    ],
)
def test_everything_after_the_scheme_is_the_key(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize("header", [None, "", "Bearer", "abc", "Bearer\tabc"])
def test_a_header_without_a_space_is_no_header(header: str | None) -> None:
    with pytest.raises(Unauthorized, match=f"^{NO_HEADER}$"):
        read_key(header)


@pytest.mark.parametrize("header", ["Basic abc", "Token abc", "Bearerabc x", "   "])
def test_another_scheme_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized, match=f"^{WRONG_SCHEME}$"):
        read_key(header)


@pytest.mark.parametrize("header", ["Bearer ", "Bearer    "])
def test_a_header_without_a_key_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized):
        read_key(header)
