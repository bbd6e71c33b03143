"""The parts of an e-mail that people read: who wrote what to whom, and the message itself."""

import email.message
import email.parser
import email.policy
from dataclasses import dataclass

from zhiku.ingestion.extract.decode import decode_text

HEADERS = ("Subject", "From", "To", "Cc", "Date")


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail: the headers worth reading as lines, and the message."""

    headers: str
    body: str
    is_html: bool


def mend_eml(content: bytes) -> Letter:
    """What an e-mail says; attachments are named, not read."""
    message = email.parser.BytesParser(email.message.EmailMessage, policy=email.policy.default).parsebytes(content)
    headers = [f"{name}: {value}" for name in HEADERS if (value := str(message.get(name, "")).strip())]
    if names := [name for part in message.iter_attachments() if (name := part.get_filename())]:
        headers.append(f"Attachments: {', '.join(names)}")
    body = message.get_body(("html", "plain"))
    payload = body.get_payload(decode=True) if body is not None else None
    if body is None or not isinstance(payload, bytes):
        return Letter("\n".join(headers), "", is_html=False)
    text = decode_as(payload, body.get_content_charset())
    return Letter("\n".join(headers), text, is_html=body.get_content_subtype() == "html")


def decode_as(payload: bytes, charset: str | None) -> str:
    """The text in the encoding it declares, or in the likeliest one if it is not that."""
    try:
        return payload.decode(charset or "ascii").replace("\0", "")
    except (LookupError, UnicodeDecodeError):
        return decode_text(payload)
