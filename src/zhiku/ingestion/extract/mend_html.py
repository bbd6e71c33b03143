"""HTML: how deep it is nested, since past its depth the library leaves text out without a word, and its line ends."""

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

CHINESE = "\u2e80-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
LINE_END = re.compile(r"(?<![ \t])[ \t]*[\r\n][ \t\r\n]*")
LINE_END_IN_CHINESE = re.compile(rf"(?<=[{CHINESE}])[ \t]*[\r\n][ \t\r\n]*(?=[{CHINESE}])")
BLOCK = "(?:p|h[1-6]|li|ul|ol|dl|dt|dd|table|tr|td|th|thead|tbody|div|section|article|body|blockquote|figure|br)"
SPACE_AFTER_BLOCK = re.compile(rf"(</?{BLOCK}(?:\s[^<>]{{0,2000}})?>) +", re.IGNORECASE)
SPACE_BEFORE_BLOCK = re.compile(rf"(?<! ) +(?=</?{BLOCK}[\s>/])", re.IGNORECASE)
PAGE_LINK = re.compile(r"(?<!!)\[\^?(?:(\d{1,3})\^?|([^\[\]\n]{0,300}))\]\(#[^()\s]{0,300}\)")
# A character for private use that no page has a reason to hold.
MARK = "\uf8f6"
# A block that begins with an element other than a block, or ends at once.
BARE_BLOCK = re.compile(
    r"(<(?:p|li|h[1-6]|dt|dd|summary|figcaption|caption)(?:\s[^<>]{0,2000})?>)"
    r"(?=(?:\s|&nbsp;|&#160;){0,200}<(?!(?:p|ul|ol|dl|div|table|h[1-6]|pre|blockquote)\b))",
    re.IGNORECASE,
)
# What stands in links that lead back from a note.
BACK = frozenset(("↩", "↩︎", "↑", "^"))


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


def join_source_lines(text: str) -> str:
    """The HTML with its line ends outside of preformatted text as a space, or as nothing in Chinese."""
    out: list[str] = []
    position = 0
    lowered = text.lower()
    # Lower case is longer than the text for a few letters; then the places would not fit.
    if len(lowered) != len(text):
        lowered = text
    while (start := lowered.find("<pre", position)) >= 0:
        end = lowered.find("</pre", start)
        end = len(text) if end < 0 else end
        out += [unfold(text[position:start]), text[start:end]]
        position = end
    return "".join([*out, unfold(text[position:])])


def unfold(text: str) -> str:
    """The text without line ends."""
    if "\n" not in text and "\r" not in text:
        return text
    joined = LINE_END.sub(" ", LINE_END_IN_CHINESE.sub("", text))
    return SPACE_BEFORE_BLOCK.sub("", SPACE_AFTER_BLOCK.sub(r"\1", joined))


def mark_empty_blocks(text: str) -> str:
    """The HTML with a mark at the start of blocks that may hold no text: the library fails at some of those."""
    return BARE_BLOCK.sub(rf"\1{MARK}", text)


def unmark_blocks(text: str) -> str:
    """The Markdown without those marks."""
    return text.replace(MARK, "")


def mend_links(text: str) -> str:
    """The Markdown without links that lead to a place in the page itself; those to its notes stay as `[1]`."""
    return PAGE_LINK.sub(lambda found: f"[{found[1]}]" if found[1] else ("" if found[2] in BACK else found[2]), text)
