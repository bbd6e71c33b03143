"""The tables of segments and of all that they are found by."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from zhiku.db.columns import Id, Number, metadata

segments = Table(
    "segments",
    metadata,
    # The posting's number in the index.
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("document_number", Number, ForeignKey("documents.number", ondelete="CASCADE"), nullable=False),
    Column("generation", Integer, nullable=False),
    # Set on a staged segment whose text an older generation already has: that segment is kept in its place.
    Column("keeps_number", Number),
    # Whether its own text is searched; the parents of child chunks are found by these instead.
    Column("is_hook", Boolean, nullable=False),
    # Added by hand: it outlives every update of its document.
    Column("is_manual", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("answer", Text),
    Column("word_count", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("keywords_json", Text, nullable=False),
    Column("index_node_id", Id, nullable=False),
    Column("index_node_hash", String(64), nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("disabled_at", Double),
    Column("disabled_by", Id),
    Column("status", String(16), nullable=False),
    Column("error", Text),
    Column("stopped_at", Double),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_by", Id, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("indexing_at", Double),
    Column("completed_at", Double),
    # What the index holds of the text: packed words and keyword hashes (text/words.py), and the embedding's key.
    Column("terms", LargeBinary, nullable=False),
    Column("term_count", Integer, nullable=False),
    Column("keyword_hashes", LargeBinary, nullable=False),
    Column("content_hash", String(64), nullable=False),
    # Its page, sheet or slide and the headings above it (segments/place.py); null for none.
    Column("place_json", Text),
    UniqueConstraint("id"),
    UniqueConstraint("document_number", "generation", "position"),
    Index(None, "dataset_id"),
    Index(None, "content_hash"),
    sqlite_autoincrement=True,
)

# Apart from the segments, because every question changes ten counts and a segment's row is a hundred times as long.
# No row is no hit.
segment_hits = Table(
    "segment_hits",
    metadata,
    Column(
        "segment_number",
        Number,
        ForeignKey("segments.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("hit_count", BigInteger, nullable=False),
)

child_chunks = Table(
    "child_chunks",
    metadata,
    # Its posting's number in the index is this plus CHILD_POSTINGS.
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("segment_number", Number, ForeignKey("segments.number", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("content", Text, nullable=False),
    Column("word_count", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("index_node_id", Id, nullable=False),
    Column("index_node_hash", String(64), nullable=False),
    # `automatic` or `customized`.
    Column("type", String(16), nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("term_count", Integer, nullable=False),
    Column("keyword_hashes", LargeBinary, nullable=False),
    Column("content_hash", String(64), nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("segment_number", "position"),
    Index(None, "content_hash"),
    sqlite_autoincrement=True,
)

# Child chunks and segments share one row of numbers in the index: those of child chunks lie above every segment's.
CHILD_POSTINGS = 1 << 48

# No row is no summary. What it was made for stays with the segment's row, so an update keeps both.
segment_summaries = Table(
    "segment_summaries",
    metadata,
    # Its posting's number in the index is this plus SUMMARY_POSTINGS.
    Column(
        "segment_number",
        Number,
        ForeignKey("segments.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("content", Text, nullable=False),
    # Whether it is the text's own first sentences, to be replaced when the document is next indexed.
    Column("is_stand_in", Boolean, nullable=False),
    Column("terms", LargeBinary, nullable=False),
    Column("term_count", Integer, nullable=False),
    Column("keyword_hashes", LargeBinary, nullable=False),
    Column("content_hash", String(64), nullable=False),
    Index(None, "content_hash"),
)

# Above every child chunk's.
SUMMARY_POSTINGS = 1 << 49

# What the chat model wrote about a document's pieces, so that nothing is asked and paid for twice.
chat_answers = Table(
    "chat_answers",
    metadata,
    Column("document_number", Number, ForeignKey("documents.number", ondelete="CASCADE"), primary_key=True),
    # SHA-256 of model, instructions and piece.
    Column("request_hash", String(64), primary_key=True),
    # The last content of the document that used it; older ones go when newer content answers.
    Column("generation", Integer, nullable=False),
    Column("answer", Text, nullable=False),
)

embeddings = Table(
    "embeddings",
    metadata,
    Column("model_key", String(255), primary_key=True),
    Column("content_hash", String(64), primary_key=True),
    # Unit vector, float32 little-endian.
    Column("vector", LargeBinary, nullable=False),
)
