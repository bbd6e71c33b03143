"""Links to a document's own pictures as they stand in its segments (contract 13, pure)."""

import re

LINK_END = "/image-preview)"
"""What every such link ends with."""

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PICTURE_LINK = re.compile(rf"!\[([^\]\n]{{0,500}})\]\(/files/({_UUID})/image-preview\)")
"""A link in Markdown: its description, and the picture's id."""


def picture_address(picture_id: str) -> str:
    """Return what a text's link to a picture holds; it is signed for each reader."""
    return f"/files/{picture_id}/image-preview"


def has_pictures(text: str) -> bool:
    """Whether a text may hold such a link."""
    return LINK_END in text


def list_picture_ids(text: str) -> list[str]:
    """Return the ids of the pictures that a text links to, each once, in order."""
    return list(dict.fromkeys(found[2] for found in PICTURE_LINK.finditer(text))) if has_pictures(text) else []


def without_pictures(text: str) -> str:
    """Return a text with only the descriptions of its pictures: what is counted, hashed and embedded."""
    return PICTURE_LINK.sub(r"\1", text) if has_pictures(text) else text
