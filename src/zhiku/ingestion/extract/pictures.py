"""The pictures inside of a file: collected within bounds, with a mark of each in the text where it stands."""

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Sequence

from zhiku.ingestion.extract.parts import MOST_PICTURES, PICTURE_BYTES, PICTURES_BYTES, Picture

# What browsers show without running anything; the first bytes decide, whatever the file says of it.
TYPES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
LIBRARY_MARK = re.compile(r"!\[([^\]\n]{0,500})\]\(image_(\d{1,6})\.\w{1,8}\)")
DATA = re.compile(r"!\[([^\]\n]{0,500})\]\(data:image/[^();,\s]{1,40};base64,([^()\s]*)\)")
LINK = re.compile(r"!\[([^\]\n]{0,500})\]\(<?([^()<>\s]{1,500})>?(?: \"[^\"\n]{0,500}\")?\)")
# What the library or a program writes where nobody described the picture.
NO_DESCRIPTION = re.compile(
    r"(?i)(?:image|picture|figure|图片)? ?\d{0,4}|\S*[/\\]\S*|\S+\.(?:png|jpe?g|gif|bmp|svg|emf|wmf)"
)


class Pictures:
    """Collects a file's pictures, equal ones once."""

    def __init__(self) -> None:
        self.found: list[Picture] = []
        self._numbers: dict[bytes, int] = {}
        self._room_bytes = PICTURES_BYTES

    def mark(self, description: str, content: bytes) -> str:
        """The Markdown that stands for a picture; only its description if it is of another type, or one too many."""
        if NO_DESCRIPTION.fullmatch(description):
            description = ""
        media_type = next((known for start, known in TYPES if content.startswith(start)), None)
        if media_type is None:
            return description
        number = self._numbers.get(content)
        if number is None:
            if len(content) > min(PICTURE_BYTES, self._room_bytes) or len(self.found) == MOST_PICTURES:
                return description
            number = self._numbers[content] = len(self.found)
            self.found.append(Picture(content, media_type))
            self._room_bytes -= len(content)
        return f"![{description}](image:{number})"

    def place_extracted(self, text: str, images: Sequence[bytes]) -> str:
        """The text with the library's own marks of the images it extracted replaced by ours."""

        def place(found: re.Match[str]) -> str:
            number = int(found[2])
            return self.mark(found[1], images[number]) if number < len(images) else found[0]

        return LIBRARY_MARK.sub(place, text)

    def place_data(self, text: str) -> str:
        """The text with marks in place of pictures that are written out in their address."""

        def place(found: re.Match[str]) -> str:
            try:
                content = base64.b64decode(found[2], validate=False)
            except (binascii.Error, ValueError):
                return found[1]
            return self.mark(found[1], content)

        return DATA.sub(place, text)

    def place_members(self, text: str, content: bytes) -> str:
        """The text with marks in place of links to pictures that are members of the archive it comes from."""
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name_of(member.filename): member for member in archive.infolist()}

            def place(found: re.Match[str]) -> str:
                member = members.get(name_of(found[2]))
                if member is None or "://" in found[2] or member.file_size > PICTURE_BYTES:
                    return found[0]
                return self.mark(found[1], archive.read(member))

            return LINK.sub(place, text)


def name_of(path: str) -> str:
    """The last name of a path, by which links in an archive find their member whatever they are relative to."""
    return path.rsplit("/", 1)[-1]
