"""Jobs come out of the catalog as they went in."""

import msgspec
import pytest

from zhiku.jobs.kinds import (
    IngestDocument,
    Payload,
    PurgeBlobs,
    PurgeEmbeddings,
    decode_payload,
    encode_payload,
    get_kind,
)


@pytest.mark.parametrize("payload", [IngestDocument("文档", 2), PurgeBlobs([]), PurgeBlobs(["a/b"]), PurgeEmbeddings()])
def test_a_payload_survives_the_catalog(payload: Payload) -> None:
    assert decode_payload(encode_payload(payload)) == payload


def test_the_stored_text_names_the_kind_and_every_field() -> None:
    assert encode_payload(IngestDocument("one", 2)) == '{"kind":"ingest_document","document_id":"one","generation":2}'


def test_kinds_have_names_of_their_own() -> None:
    assert [get_kind(kind) for kind in (IngestDocument, PurgeBlobs, PurgeEmbeddings)] == [
        "ingest_document",
        "purge_blobs",
        "purge_embeddings",
    ]
    assert get_kind(PurgeEmbeddings()) == "purge_embeddings"


def test_a_kind_of_a_newer_program_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_payload('{"kind":"dream"}')
