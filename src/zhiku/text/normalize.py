"""One form for characters that mean the same: width, compatibility forms, traditional Chinese, case."""

import unicodedata
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

# Characters without width are dropped or separate words; typographic apostrophes are apostrophes.
_SIGNS = (
    *((sign, "") for sign in "\u00ad\u200c\u200d\u2060\ufeff"),
    ("\u200b", " "),
    ("\u2019", "'"),
    ("\u02bc", "'"),
)


def unify(text: str) -> str:
    """Return `text` with full-width and other compatibility forms made plain (NFKC); case and script are kept."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    for sign, plain in _SIGNS:
        text = text.replace(sign, plain)
    return text


def simplify(text: str) -> str:
    """Return `text` with traditional Chinese characters made simplified, one for one, so positions stay the same."""
    if text.isascii():
        return text
    # Most texts have no such character, and to see that costs a quarter of translating.
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return text.translate(_simplified()) if _is_traditional().take(codes, mode="clip").any() else text


def fold(text: str) -> str:
    """Return the form under which texts are compared: unified, simplified and without case."""
    return simplify(unify(text)).casefold()


@cache
def _is_traditional() -> NDArray[np.bool_]:
    # One entry more than the last such character, for all the code points behind it.
    flags = np.zeros(max(_simplified()) + 2, dtype=np.bool_)
    flags[list(_simplified())] = True
    return flags


@cache
def _simplified() -> dict[int, str]:
    table = files("zhiku.text").joinpath("data/traditional_to_simplified.txt").read_text(encoding="utf-8")
    pairs = "".join(line for line in table.splitlines() if not line.startswith("#"))
    return {ord(traditional): simplified for traditional, simplified in zip(pairs[::2], pairs[1::2], strict=True)}
