"""Names of uploaded files, in every way that clients write them into a header (contract 11.5)."""

import re
import unicodedata
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from urllib.parse import unquote_to_bytes

# A quoted value without its closing quote goes to the end, so that a header is read once whatever is in it.
_PARAMETER = re.compile(rb';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.?)*)(?:"|$)|([^;"]*))', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\])')
_EXTENDED = re.compile(rb"([^']*)'[^']*'(.*)", re.DOTALL)


def read_parameters(header: bytes) -> dict[str, bytes]:
    """Return a header's parameters by lower-case name, without quotes; the first of a name wins."""
    found: dict[str, bytes] = {}
    for match in _PARAMETER.finditer(header):
        name, quoted, plain = match.groups()
        value = plain.strip() if quoted is None else _ESCAPED.sub(rb"\1", quoted)
        found.setdefault(name.decode("latin-1").lower(), value)
    return found


def decode_filename(parameters: Mapping[str, bytes]) -> str | None:
    """Return the file name in a disposition's parameters, None if it has none.

    In this order: `filename*` in its own charset, `filename` as UTF-8, as an encoded word, as UTF-8 that was taken
    for Latin-1, as GBK. Control characters are dropped.
    """
    name = _decode_extended(parameters.get("filename*"))
    if name is None:
        raw = parameters.get("filename")
        name = None if raw is None else _decode_plain(raw)
    if name is None:
        return "" if "filename*" in parameters else None
    return "".join(letter for letter in name if unicodedata.category(letter) != "Cc")


def _decode_extended(raw: bytes | None) -> str | None:
    found = _EXTENDED.fullmatch(raw) if raw is not None else None
    if found is None:
        return None
    charset, encoded = found.groups()
    return _decode(unquote_to_bytes(encoded), charset.decode("latin-1") or "utf-8")


def _decode_plain(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _decode(raw, "gb18030") or raw.decode("latin-1")
    if "=?" in name:
        name = _decode_words(name)
    if not name.isascii():
        name = _undo_latin1(name)
    return name


def _decode_words(name: str) -> str:
    try:
        parts = decode_header(name)
    except (HeaderParseError, ValueError):
        return name
    decoded = [part if isinstance(part, str) else _decode(part, charset or "ascii") for part, charset in parts]
    return name if None in decoded else "".join(part for part in decoded if part is not None)


def _undo_latin1(name: str) -> str:
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def _decode(raw: bytes, charset: str) -> str | None:
    try:
        text = raw.decode(charset)
        text.encode()
    except (LookupError, UnicodeError, ValueError):
        return None
    return text
