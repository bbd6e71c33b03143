"""Slides that the library gives as one text, cut apart again, and their headlines."""

import re

# The library's rule, and the slide's title or, in OpenDocument, only the name it has in the file.
SLIDE = re.compile(r"^-----\n\n## ([^\n]{0,2000})\n?", re.MULTILINE)
HEADLINE = re.compile(r"\s*#{1,6} +([^\n]{1,500})")
# A title is a plain line, neither an item nor a row nor a picture.
PLAIN_LINE = re.compile(r"\s*(?![-*|!>#\d\[])(\S[^\n]{0,199})(?=\n|$)")


def cut_slides(text: str, *, has_names: bool) -> list[str]:
    """The text of each slide in order, its title as a heading; `has_names` if headings only name the slides."""
    marks = list(SLIDE.finditer(text))
    if not marks:
        return [text]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    slides: list[str] = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end]
        slides.append(PLAIN_LINE.sub(r"## \1", body, count=1) if has_names and PLAIN_LINE.match(body) else body)
        if not has_names:
            slides[-1] = f"## {mark[1]}\n{body}"
    # What stands before the first slide belongs to none; it is kept with the first.
    slides[0] = text[: marks[0].start()] + slides[0]
    return slides


def headline(text: str) -> str:
    """The heading that a slide begins with, empty if it has none."""
    found = HEADLINE.match(text)
    return found[1].strip() if found else ""
