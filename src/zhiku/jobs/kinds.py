"""Every kind of job and what it carries."""

import msgspec


class IngestDocument(msgspec.Struct, frozen=True, tag_field="kind", tag="ingest_document"):
    """Make the segments of one generation of a document, from its file to outbox rows."""

    document_id: str
    generation: int


class EmbedSegments(msgspec.Struct, frozen=True, tag_field="kind", tag="embed_segments"):
    """Embed segments that a person wrote, where the model took too long for the request, and hand them to the index."""

    dataset_id: str
    numbers: list[int]


class PurgeBlobs(msgspec.Struct, frozen=True, tag_field="kind", tag="purge_blobs"):
    """Delete files that nothing in the catalog names any more; a key that ends with `/` stands for all below it."""

    keys: list[str]


class PurgeEmbeddings(msgspec.Struct, frozen=True, tag_field="kind", tag="purge_embeddings"):
    """Delete embeddings of texts that no segment has any more."""


class PurgeVersions(msgspec.Struct, frozen=True, tag_field="kind", tag="purge_versions"):
    """Delete the versions beyond those that are kept, of one document or of all, with the files of no other content."""

    document_id: str | None


class ReindexDataset(msgspec.Struct, frozen=True, tag_field="kind", tag="reindex_dataset"):
    """Embed all texts of a dataset with the model of its switch, then have the new index built.

    `after` is the last posting number that an earlier job of the switch has dealt with.
    """

    dataset_id: str
    switch_id: str
    after: int = 0


class ExtractKeywords(msgspec.Struct, frozen=True, tag_field="kind", tag="extract_keywords"):
    """Show keywords on the segments of a dataset that has become an economy one."""

    dataset_id: str


class SummarizeDocument(msgspec.Struct, frozen=True, tag_field="kind", tag="summarize_document"):
    """Write the summaries that segments of a document's answering content lack."""

    document_id: str
    generation: int


class RecutDataset(msgspec.Struct, frozen=True, tag_field="kind", tag="recut_dataset"):
    """Send the next documents of a dataset to be cut by its recut's rule."""

    dataset_id: str
    recut_id: str


class PurgePipelineUpload(msgspec.Struct, frozen=True, tag_field="kind", tag="purge_pipeline_upload"):
    """Delete a file that was uploaded for a pipeline and that none has taken."""

    upload_id: str


class EvaluateDataset(msgspec.Struct, frozen=True, tag_field="kind", tag="evaluate_dataset"):
    """Ask the questions of an evaluation; it runs in the process that owns the index."""

    dataset_id: str
    evaluation_id: str


Payload = (
    IngestDocument
    | EmbedSegments
    | PurgeBlobs
    | PurgeEmbeddings
    | PurgeVersions
    | ReindexDataset
    | ExtractKeywords
    | SummarizeDocument
    | RecutDataset
    | PurgePipelineUpload
    | EvaluateDataset
)

SERVED: frozenset[str] = frozenset({"evaluate_dataset"})
"""Kinds that the process which owns the index runs itself; workers run all others."""

_decoder: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(Payload)


def get_kind(payload: Payload | type[Payload]) -> str:
    """Return the name under which jobs of this payload are stored."""
    return str(payload.__struct_config__.tag)


def encode_payload(payload: Payload) -> str:
    """Return the payload as JSON text, its kind included."""
    return msgspec.json.encode(payload).decode()


def decode_payload(payload_json: str) -> Payload:
    """Return what `encode_payload` was given. Raises msgspec.DecodeError for a kind this program does not know."""
    return _decoder.decode(payload_json)
