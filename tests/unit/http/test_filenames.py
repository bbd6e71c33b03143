"""Names of uploaded files, as written by browsers, curl and old libraries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.http.filenames import decode_filename, read_parameters


def _name(disposition: bytes) -> str | None:
    return decode_filename(read_parameters(disposition))


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="file"', None),
        (b'form-data; name="file"; filename=""', ""),
        (b'form-data; name="file"; filename="a.txt"', "a.txt"),
        (b"form-data; name=file; filename=a.txt", "a.txt"),
        (b'form-data;name="file";FILENAME = "a.txt"', "a.txt"),
        ('form-data; filename="知库.txt"'.encode(), "知库.txt"),
        (b"form-data; filename=\"x\"; filename*=UTF-8''%E7%9F%A5%E5%BA%93.txt", "知库.txt"),
        (b"form-data; filename*=gb18030'zh'%D6%AA%BF%E2.txt", "知库.txt"),
        (b"form-data; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        (b"form-data; filename*=no-such-charset''%E7; filename=\"b.txt\"", "b.txt"),
        (b"form-data; filename*=utf-8''%FF; filename=\"b.txt\"", "b.txt"),
        (b'form-data; filename="=?utf-8?B?55+l5bqTLnR4dA==?="', "知库.txt"),
        (b'form-data; filename="=?utf-8?Q?=E7=9F=A5.txt?="', "知.txt"),
        (b'form-data; filename="=?broken.txt"', "=?broken.txt"),
        ('form-data; filename="知库.txt"'.encode().decode("latin-1").encode(), "知库.txt"),
        ('form-data; filename="知库.txt"'.encode("gbk"), "知库.txt"),
        ('form-data; filename="é.txt"'.encode(), "é.txt"),
        (b'form-data; filename="100%25.txt"', "100%25.txt"),
        (rb'form-data; filename="a\"b\\c.txt"', r'a"b\c.txt'),
        (rb'form-data; filename="C:\dir\a.txt"', r"C:\dir\a.txt"),
        (b'form-data; filename="a;b=c.txt"', "a;b=c.txt"),
        (b'form-data; filename="a\x00\x01\x7f.txt"', "a.txt"),
        (b'form-data; filename="open.txt', "open.txt"),
        (b'form-data; filename="Report.PDF"', "Report.PDF"),
    ],
)
def test_a_name_is_decoded_in_the_contracts_order(disposition: bytes, name: str | None) -> None:
    assert _name(disposition) == name


@given(st.binary(max_size=60))
def test_any_bytes_give_a_name_without_control_characters(raw: bytes) -> None:
    for prefix in (b'form-data; filename="', b"form-data; filename*=utf-8''", b"form-data; filename*="):
        name = _name(prefix + raw)
        assert name is None or name.isprintable() or not any(ord(letter) < 32 for letter in name)
        assert name is None or name.encode() is not None


def test_thousands_of_open_quotes_are_read_in_one_pass() -> None:
    assert len(read_parameters(b';a="\\' * 20_000)) == 1
