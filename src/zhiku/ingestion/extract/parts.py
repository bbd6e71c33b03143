"""What a file becomes, and how much reading it may cost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

EMPTY = "The file is empty."
# How many times its wall clock a file may take when nothing but a busy machine is to blame.
PATIENCE = 10

# What is more or larger stays out of the pictures, and in the text only its description is left (contract 4.11).
MOST_PICTURES = 500
PICTURE_BYTES = 2 << 20
PICTURES_BYTES = 32 << 20
# A picture that is a paragraph of its own and has no description leaves nothing.
BARE_PICTURE = re.compile(r"\n\n!\[\]\(image:(\d{1,6})\)(?=\n|\Z)")
PICTURE = re.compile(r"!\[([^\]\n]{0,500})\]\(image:(\d{1,6})\)")


class PartKind(StrEnum):
    """What one part of a file is."""

    DOCUMENT = "document"
    PAGE = "page"
    SHEET = "sheet"
    SLIDE = "slide"


@dataclass(frozen=True, slots=True)
class Part:
    """The text of one page, sheet or slide; a file without such parts has one Part, the document, and no number.

    `number` counts from 1 as the file does, `title` is a sheet's name or a slide's headline, empty if there is none.
    """

    text: str
    number: int | None = None
    kind: PartKind = PartKind.DOCUMENT
    title: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture inside of a file: a PNG, JPEG or GIF of at most PICTURE_BYTES, as its first bytes say."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """A file's parts in reading order, and its pictures.

    A part's text holds `![description](image:N)` where `pictures[N]` stands; one picture may stand at several places.
    """

    parts: list[Part]
    pictures: list[Picture]

    def link_pictures(self, links: Mapping[int, str]) -> list[Part]:
        """The parts with the address of each picture in its place; one without address leaves its description."""

        def link(found: re.Match[str]) -> str:
            number = int(found[2])
            # Text of the file's own that only looks like a place of a picture.
            if number >= len(self.pictures):
                return found[0]
            return f"![{found[1]}]({links[number]})" if number in links else found[1]

        def drop(found: re.Match[str]) -> str:
            number = int(found[1])
            return found[0] if number in links or number >= len(self.pictures) else ""

        return [replace(part, text=PICTURE.sub(link, BARE_PICTURE.sub(drop, part.text))) for part in self.parts]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on reading one file; passing any of them ends that file's child process and nothing else.

    `seconds` is wall clock, without the time spent waiting for a processor; `cpu_seconds` the sum over the child's
    threads; `output_bytes` the size of the text in UTF-8, beside which PICTURES_BYTES of pictures may come.
    """

    seconds: float
    memory_bytes: int
    output_bytes: int
    cpu_seconds: float
