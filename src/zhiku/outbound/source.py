"""External knowledge sources: how they are asked, and what may be made of their answers (contract 10.2)."""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from zhiku.outbound.addresses import AddressRefused, read_allowed_hosts
from zhiku.outbound.call import Answer, CallFailed, UrlRefused, post
from zhiku.settings import Settings

REMOTE_TEXT_CHARS = 500
_OK = 200
# Of an answer that is refused no more is looked at.
_READ_BYTES = 8192


class SourceFailed(Exception):
    """The source was not reached, or did not answer as it should; the message says why, in its own words if it can."""


def key_place(connection_id: str) -> str:
    """Return where a connection's key is stored, for which it is sealed."""
    return f"external_connections/{connection_id}"


def ask_source(settings: Settings, endpoint: str, key: str, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the records that a source answers with. Blocks for up to 10 seconds. Raises SourceFailed."""
    answer = call_source(settings, endpoint, key, question)
    if answer.status != _OK:
        raise SourceFailed(_remote_text(answer, key) or f"The external source answered {answer.status}.")
    try:
        body: object = msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SourceFailed(_remote_text(answer, key) or "The external source sent no JSON.") from error
    records = cast("dict[str, object]", body).get("records") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise SourceFailed(_remote_text(answer, key))
    listed = cast("list[object]", records)
    if not all(isinstance(record, dict) for record in listed):
        raise SourceFailed(_remote_text(answer, key))
    return cast("list[dict[str, Any]]", listed)


def call_source(settings: Settings, endpoint: str, key: str, question: Mapping[str, Any]) -> Answer:
    """Return a source's answer whatever its status. Raises SourceFailed if none came or it may not be asked."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", "Accept": "application/json"}
    url = f"{endpoint}/retrieval"
    try:
        return post(url, msgspec.json.encode(question), headers, read_allowed_hosts(settings.outbound_hosts))
    except UrlRefused as error:
        raise SourceFailed(f"The external source's endpoint {error}.") from error
    except AddressRefused as error:
        raise SourceFailed(f"The external source may not be asked: {error}.") from error
    except CallFailed as error:
        raise SourceFailed(f"The external source {error}.") from error


def _remote_text(answer: Answer, key: str) -> str:
    """Return what a source said, as one line without the key that it was given."""
    text = answer.body[:_READ_BYTES].decode("utf-8", "replace").replace(key, "***")
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", text).strip()[:REMOTE_TEXT_CHARS]
