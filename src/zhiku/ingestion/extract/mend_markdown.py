"""The library's Markdown as people wrote it: without its escapes and without pictures that are only data."""

import re

FENCE = re.compile(r"\s*(```|~~~)")
# A code span stays as it is; of the escapes only that of the bar is needed, inside of tables.
CODE_OR_ESCAPE = re.compile(r"(?<![\\`])(`{1,3})(?!`)[^`\n]{1,500}\1(?!`)|\\([!-/:-@\[-`{}~])")
DATA_IMAGE = re.compile(r"!\[[^\]\n]{0,500}\]\(data:[^()\s]*\)")
EMPTY_HEADING = re.compile(r"#{1,6} *")
UNDERLINED_LINK = re.compile(r"\[__([^\[\]\n]{1,300})__\]\(")
COMMENT_MARK = re.compile(r"\[cmt:\d{1,9}\]")


def mend_markdown(text: str) -> str:
    """The text with escaped characters plain again, outside of code.

    NULs, data pictures, comment marks, headings without text and all but one of several empty lines are left out.
    """
    out: list[str] = []
    in_code = False
    text = UNDERLINED_LINK.sub(r"[\1](", DATA_IMAGE.sub("", text.replace("\0", "")))
    for line in COMMENT_MARK.sub("", text).split("\n"):
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code:
            if EMPTY_HEADING.fullmatch(line):
                continue
            if not line.strip() and out and not out[-1].strip():
                continue
            line = CODE_OR_ESCAPE.sub(lambda found: found[2] or found[0], line)  # noqa: PLW2901
        out.append(line)
    return "\n".join(out)
