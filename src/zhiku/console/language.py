"""The console's texts in English and Chinese, and how dates, numbers and sizes read in each."""

import json
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import cast

LANGUAGES = {"en": "English", "zh": "中文"}
DEFAULT = "en"
HTML_CODES = {"en": "en", "zh": "zh-CN"}
SIZE_UNITS = ("B", "KB", "MB", "GB", "TB")


@cache
def load_texts(code: str) -> Mapping[str, str]:
    """Return all texts of a language by their keys."""
    raw = files("zhiku.console").joinpath("locales", f"{code}.json").read_text(encoding="utf-8")
    return cast("Mapping[str, str]", json.loads(raw))


def choose_language(chosen: str | None, accepted: str) -> "Language":
    """Return the language a person chose, else the first of an Accept-Language header that the console has."""
    if chosen in LANGUAGES:
        return Language(chosen)
    for part in accepted.split(","):
        code = part.split(";")[0].strip().split("-")[0].lower()
        if code in LANGUAGES:
            return Language(code)
    return Language(DEFAULT)


class Language:
    """One language's texts and formats."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.html_code = HTML_CODES[code]
        self._texts = load_texts(code)

    def text(self, key: str, **values: object) -> str:
        """Return the text of a key with its values set in.

        With a value `count` of 1 the text of `key.one` comes first, where the language has one. Raises KeyError for a
        key that no one wrote.
        """
        if values.get("count") == 1:
            key = f"{key}.one" if f"{key}.one" in self._texts else key
        shown = {name: self.number(value) if isinstance(value, int) else value for name, value in values.items()}
        return self._texts[key].format(**shown)

    def error(self, code: str, message: str) -> str:
        """Return what an error says: the language's own text for its code, else the API's message."""
        return self._texts.get(f"error.{code}", message)

    def number(self, value: float) -> str:
        """Return a number with its thousands set apart."""
        return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"

    def size(self, size_bytes: int) -> str:
        """Return a size in bytes as people read it."""
        amount, unit = float(size_bytes), 0
        while amount >= 1000 and unit < len(SIZE_UNITS) - 1:
            amount, unit = amount / 1000, unit + 1
        return f"{amount:.0f} {SIZE_UNITS[unit]}" if unit == 0 or amount >= 100 else f"{amount:.1f} {SIZE_UNITS[unit]}"

    def moment(self, at: float | None) -> str:
        """Return a moment in the server's time zone, to the minute; a dash for none."""
        if at is None:
            return "–"
        return time.strftime("%Y-%m-%d %H:%M" if self.code == "zh" else "%d %b %Y, %H:%M", time.localtime(at))
