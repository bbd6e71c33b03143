"""How deep HTML is nested: past its depth the library leaves text out without a word, so that is found out first."""

import re

TAG = re.compile(r"<(?:(!--)|(/?)([a-z][a-z0-9]*))")
# What is between these is no markup.
RAW = frozenset(("script", "style", "textarea", "title", "noscript", "template"))
# These have no end, or one that is often left out; the lists and tables that hold them count for them.
EMPTY = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
UNENDED = ("html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "rt", "rp")
IN_TABLES = ("tr", "td", "th", "thead", "tbody", "tfoot", "colgroup")
UNCOUNTED = frozenset((*EMPTY, *UNENDED, *IN_TABLES))
LEVELS = {"table": 4, "ul": 2, "ol": 2, "dl": 2}
DEEPEST = 480


def is_too_deep(text: str) -> bool:
    """Whether any element of an HTML text is inside of more than `DEEPEST` others."""
    lowered = text.lower()
    depth = position = 0
    while found := TAG.search(lowered, position):
        position = found.end()
        comment, closing, name = found.groups()
        if comment or (name in RAW and not closing):
            position = lowered.find("-->" if comment else f"</{name}", position)
            if position < 0:
                return False
        elif name not in UNCOUNTED:
            depth = max(0, depth - LEVELS.get(name, 1)) if closing else depth + LEVELS.get(name, 1)
            if depth > DEEPEST:
                return True
    return False
