"""Mends for formats that are text already: what is there for machines goes, what people read stays."""

import re

UNICODE_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-fA-F]{4})+)")
FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
MODULE_LINE = re.compile(r"(?:import|export)\b.*(?:\bfrom\b|[=({;]|['\"])")
COMPONENT_TAG = re.compile(r"</?[A-Z][A-Za-z0-9.]*(?:\s[^<>]*)?/?>")
CUE_TIME = re.compile(r"\s*(?:\d+:)?\d+:\d\d[.,]\d{1,3}\s*-->")
CUE_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]*>|\{\\[^{}\n]{0,200}\}")
CUE_BLOCKS_TO_SKIP = ("WEBVTT", "NOTE", "STYLE", "REGION")


def unescape_unicode(text: str) -> str:
    r"""The text with \uXXXX escapes as characters, as JSON and properties files have them; controls stay escaped."""

    def unescape(found: re.Match[str]) -> str:
        units = bytes.fromhex(found[2].replace("\\u", ""))
        plain = units.decode("utf-16-be", "replace")
        return found[1] + plain if plain.isprintable() and not set(plain) & set('"\\\ufffd') else found[0]

    return UNICODE_ESCAPE.sub(unescape, text)


def mend_mdx(text: str) -> str:
    """Markdown out of MDX: without comments, module lines and component tags, code blocks untouched."""
    out: list[str] = []
    in_code = False
    for line in without_comments(text).split("\n"):
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code:
            if MODULE_LINE.match(line):
                continue
            line = COMPONENT_TAG.sub("", line)  # noqa: PLW2901
        out.append(line)
    return "\n".join(out)


def without_comments(text: str) -> str:
    """The text without `{/* … */}`; one that never ends is text."""
    out: list[str] = []
    start = 0
    while (opened := text.find("{/*", start)) >= 0 and (closed := text.find("*/}", opened)) >= 0:
        out.append(text[start:opened])
        start = closed + len("*/}")
    return "".join([*out, text[start:]])


def mend_subtitles(text: str) -> str:
    """What is said in WebVTT or SubRip subtitles, a line each; a line that only repeats the last one is left out."""
    out: list[str] = []
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        for line in spoken_lines(block.strip("\n").split("\n")):
            if not out or out[-1] != line:
                out.append(line)
    return "\n".join(out)


def spoken_lines(block: list[str]) -> list[str]:
    """The words of one cue: what follows its time line."""
    times = [position for position, line in enumerate(block) if CUE_TIME.match(line)]
    if not times:
        return [] if block[0].split(" ")[0].strip() in CUE_BLOCKS_TO_SKIP else clean_cue(block)
    return clean_cue(block[times[0] + 1 :])


def clean_cue(lines: list[str]) -> list[str]:
    """Lines without cue tags, empty ones left out."""
    cleaned = (CUE_TAG.sub("", line).strip() for line in lines)
    return [line for line in cleaned if line]
