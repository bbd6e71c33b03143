"""Cleaning of extracted text before it is cut, in time linear in its length."""

import re
from bisect import bisect_right

from zhiku.documents.rules import ProcessRule

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe]")
_NEWLINES = re.compile(r"\n{3,}")
_SPACES = re.compile("[\t\f\r \u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]{2,}")

_EMAIL_LOCAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-"
_EMAIL_DOMAIN = re.compile(r"[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++")

_SCHEME = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://")
_URL_PLAIN = re.compile(r"""[!#-&*-;=?-Z\\^_a-z|~]*+""")
_BRACKETS = {")": "(", "]": "[", "}": "{"}
# Brackets as Markdown reads them: an escaped one is text, and no link runs across a blank line.
_MARK = re.compile(r"\\[\[\]]|\[|\]|\n\n")
_LINK_START = re.compile(r"\(\s*+<?(?=[Hh][Tt][Tt][Pp][Ss]?://)")
_LINK_PLAIN = re.compile(r"[^\s()<>]*+")
_LINK_END = re.compile(r""">?(?:[^\S\n]++(?:"[^"\n]*+"|'[^'\n]*+'))?[^\S\n]*+\)""")
# Deeper brackets do not occur in addresses; the bound keeps hostile text linear.
_LINK_DEPTH = 8


def clean_text(text: str, rule: ProcessRule) -> str:
    """Return the text without what must not reach a segment, and cleaned as the rule asks.

    Always: `<|` and `|>` lose their bar, control characters and a leading byte order mark go, line ends
    become LF. A rule for full documents never removes addresses.
    """
    text = text.replace("<|", "<").replace("|>", ">")
    text = _CONTROLS.sub("", text).removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if rule.has("remove_extra_spaces"):
        text = _SPACES.sub(" ", _NEWLINES.sub("\n\n", text))
    if rule.has("remove_urls_emails") and not rule.is_full_doc:
        text = _remove_urls(_remove_emails(text))
    return text


def _remove_emails(text: str) -> str:
    # The address of a link stays whole, though a version after an @ may look like a domain.
    kept: list[str] = []
    start = 0
    for _, address, end in _find_links(text):
        kept += [_without_emails(text[start:address]), text[address:end]]
        start = end
    return "".join([*kept, _without_emails(text[start:])])


def _without_emails(text: str) -> str:
    kept: list[str] = []
    start, at = 0, text.find("@")
    while at >= 0:
        # What stands before an @ is looked at once: from the last removal or the last @ to this one.
        head = text[start:at]
        local = head.rstrip(_EMAIL_LOCAL)
        domain = _EMAIL_DOMAIN.match(text, at + 1)
        if domain is not None and len(local) < len(head):
            kept.append(local)
            start = domain.end()
        else:
            kept.append(text[start : at + 1])
            start = at + 1
        at = text.find("@", start)
    return "".join([*kept, text[start:]])


def _remove_urls(text: str) -> str:
    kept: list[str] = []
    links = _outermost(_find_links(text))
    starts = [link[0] for link in links]
    start, found = 0, _SCHEME.search(text)
    while found is not None:
        following = bisect_right(starts, found.start())
        if following and found.start() < links[following - 1][1]:
            position = links[following - 1][1]
        else:
            stop = starts[following] if following < len(starts) else len(text)
            position = _url_end(text, found.end(), stop)
            if position > found.end():
                kept.append(text[start : found.start()])
                start = position
        found = _SCHEME.search(text, position)
    return "".join([*kept, text[start:]])


def _url_end(text: str, start: int, stop: int) -> int:
    """Return where the address ends whose part after `://` begins at `start`; `start` if it has none."""
    opened = {"(": 0, "[": 0, "{": 0}
    position = start
    while True:
        plain = _URL_PLAIN.match(text, position, stop)
        position = plain.end() if plain else position
        mark = text[position] if position < stop else ""
        if mark in opened:
            opened[mark] += 1
        elif mark in _BRACKETS and opened[_BRACKETS[mark]]:
            opened[_BRACKETS[mark]] -= 1
        else:
            break
        position += 1
    return start + len(text[start:position].rstrip(".,;:!?"))


def _find_links(text: str) -> list[tuple[int, int, int]]:
    """Return where Markdown links and images to web addresses start, where their `(https://…)` does, and their end.

    In the order of their ends; a link may hold others, such as an image.
    """
    links: list[tuple[int, int, int]] = []
    opened: list[int] = []
    for mark in _MARK.finditer(text):
        if mark[0] == "[":
            opened.append(mark.start())
        elif mark[0] == "\n\n":
            opened.clear()
        elif mark[0] == "]" and opened:
            start = opened.pop()
            end = _link_end(text, mark.end())
            if end is not None:
                links.append((start, mark.end(), end))
    return links


def _outermost(links: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    outer: list[tuple[int, int]] = []
    for start, _, end in links:
        while outer and outer[-1][0] >= start:
            outer.pop()
        outer.append((start, end))
    return outer


def _link_end(text: str, position: int) -> int | None:
    """Return the end of `(https://…)` or `(https://… "title")` at `position`, or None if there is no such thing."""
    begin = _LINK_START.match(text, position)
    if begin is None:
        return None
    position, depth = begin.end(), 0
    while depth <= _LINK_DEPTH:
        plain = _LINK_PLAIN.match(text, position)
        position = plain.end() if plain else position
        mark = text[position : position + 1]
        if mark == "(":
            depth += 1
        elif mark == ")" and depth:
            depth -= 1
        else:
            end = _LINK_END.match(text, position)
            return end.end() if end else None
        position += 1
    return None
