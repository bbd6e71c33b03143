"""All tables of the catalog, the only truth.

A store may read any table and writes only its own. `_at` columns are epoch seconds (UTC). Columns named
`*_json` hold JSON text. The schema is built by the migrations; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from zhiku.db.columns import Id, Number, metadata
from zhiku.db.evaluation_tables import evaluation_results, evaluations, question_sets, questions
from zhiku.db.segment_tables import (
    CHILD_POSTINGS,
    SUMMARY_POSTINGS,
    chat_answers,
    child_chunks,
    embeddings,
    segment_hits,
    segment_summaries,
    segments,
)
from zhiku.db.version_tables import document_version_parts, document_versions
from zhiku.db.work_tables import jobs, outbox

__all__ = [
    "CHILD_POSTINGS",
    "SUMMARY_POSTINGS",
    "api_keys",
    "app_datasets",
    "apps",
    "chat_answers",
    "child_chunks",
    "console_sessions",
    "datasets",
    "document_version_parts",
    "document_versions",
    "documents",
    "embeddings",
    "evaluation_results",
    "evaluations",
    "external_bindings",
    "external_connections",
    "index_switches",
    "jobs",
    "key_datasets",
    "metadata",
    "metadata_fields",
    "metadata_values",
    "outbox",
    "pictures",
    "pipeline_uploads",
    "process_rules",
    "question_sets",
    "questions",
    "segment_hits",
    "segment_summaries",
    "segments",
    "tag_bindings",
    "tags",
    "uploads",
    "workspace",
]

workspace = Table(
    "workspace",
    metadata,
    Column("id", Id, primary_key=True),
    Column("owner_id", Id, nullable=False),
    Column("owner_name", String(255), nullable=False),
    Column("is_sample_loaded", Boolean, nullable=False),
    # Signs links to files; 64 hex digits, never shown.
    Column("link_secret", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    # Argon2id, with its parameters; null until the first start that has a console.
    Column("console_password_hash", String(255)),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    # SHA-256 of the cookie; the cookie itself is never stored.
    Column("token_hash", String(64), primary_key=True),
    Column("csrf_token", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Index(None, "expires_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("actor_id", Id, nullable=False),
    Column("actor_name", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("revoked_at", Double),
    # `read`, `write` or `admin`.
    Column("role", String(8), nullable=False, server_default="admin"),
    # Whether the key belongs to a plain member, from whom a dataset's permission may hide it.
    Column("is_member", Boolean, nullable=False, server_default=text("false")),
    # Whether it sees only the datasets in key_datasets; without any left it opens nothing.
    Column("is_scoped", Boolean, nullable=False, server_default=text("false")),
    # Its own limit; null for the one in the settings, 0 for none.
    Column("rate_limit_per_minute", Integer),
    Column("expires_at", Double),
    Column("last_used_at", Double),
    UniqueConstraint("key_hash"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("description", String(400), nullable=False),
    Column("provider", String(16), nullable=False),
    Column("permission", String(32), nullable=False),
    Column("partial_members_json", Text, nullable=False),
    Column("data_source_type", String(32)),
    Column("indexing_technique", String(16)),
    Column("doc_form", String(32)),
    Column("embedding_model", String(255)),
    Column("embedding_model_provider", String(255)),
    Column("retrieval_model_json", Text),
    Column("summary_index_setting_json", Text),
    Column("icon_info_json", Text),
    Column("is_built_in_field_enabled", Boolean, nullable=False),
    Column("is_api_enabled", Boolean, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("author_name", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_by", Id, nullable=False),
    Column("updated_at", Double, nullable=False),
    # What the index needs to know: which shard answers, how long its vectors are, its mean words a posting.
    Column("index_generation", Integer, nullable=False),
    Column("index_dimension", Integer, nullable=False),
    # `Embedder.key` of the vectors in use; null until the first embedding, and for economy.
    Column("embedding_key", String(255)),
    Column("term_count", BigInteger, nullable=False),
    Column("posting_count", BigInteger, nullable=False),
    # Counts upwards under a row lock, so that outbox rows become visible in their own order.
    Column("outbox_sequence", BigInteger, nullable=False),
    Column("last_position", Integer, nullable=False),
    UniqueConstraint("name"),
    Index(None, "created_at", "id"),
)

key_datasets = Table(
    "key_datasets",
    metadata,
    Column("key_id", Id, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "dataset_id"),
)

external_connections = Table(
    "external_connections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(255), nullable=False),
    Column("description", String(400), nullable=False),
    Column("endpoint", Text, nullable=False),
    # Encrypted for this row (zhiku.vault).
    Column("sealed_key", Text, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Index(None, "created_at", "id"),
)

# What an external dataset is bound to and how it is asked; a connection in use cannot be deleted.
external_bindings = Table(
    "external_bindings",
    metadata,
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("connection_id", Id, ForeignKey("external_connections.id"), nullable=False),
    Column("external_knowledge_id", Text, nullable=False),
    Column("retrieval_model_json", Text, nullable=False),
    Index(None, "connection_id"),
)

# The change of a dataset's technique or embedding model that is under way or was given up; until it is done, the
# dataset's own row says what its index is made of.
index_switches = Table(
    "index_switches",
    metadata,
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    # Another one with each change of mind, so that work on an older wish ends by itself.
    Column("id", Id, nullable=False),
    Column("technique", String(16), nullable=False),
    Column("embedding_model", String(255)),
    Column("embedding_model_provider", String(255)),
    # What the new index is made of: the length of its vectors and their `Embedder.key`; the length is null until every
    # text has its vector and the index can be built.
    Column("index_dimension", Integer),
    Column("embedding_key", String(255)),
    # Why it was given up; null while it is under way.
    Column("error", Text),
    Column("created_at", Double, nullable=False),
)

# A dataset's documents on their way to another process rule: a walk over those it had at the start.
recuts = Table(
    "recuts",
    metadata,
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    # Another one with each start, so that work on an older one ends by itself.
    Column("id", Id, nullable=False),
    Column("process_rule_id", Id, nullable=False),
    # walking, walked, cancelled or error, with its message.
    Column("state", String(16), nullable=False),
    Column("error", Text),
    # Numbers of documents: the last one that was reached, and the last one to reach.
    Column("after", Number, nullable=False),
    Column("last", Number, nullable=False),
    Column("walked", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
)

process_rules = Table(
    "process_rules",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("rules_json", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("id"),
    Index(None, "dataset_id", "number"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    # Not a foreign key: the document's row refers to its newest file and comes after it.
    Column("document_id", Id, nullable=False),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("extension", String(32), nullable=False),
    Column("mime_type", String(255), nullable=False),
    Column("blob_key", String(200), nullable=False),
    # True when the server wrote the file itself from a text, so that no parser needs to see it.
    Column("is_text", Boolean, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("blob_key"),
    Index(None, "dataset_id", "document_id"),
)

# Of the pictures inside of a file; segments link to them by their ids.
pictures = Table(
    "pictures",
    metadata,
    # Made of file and content, see ingestion/pictures.py.
    Column("id", Id, primary_key=True),
    Column("upload_id", Id, ForeignKey("uploads.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("extension", String(32), nullable=False),
    Column("mime_type", String(255), nullable=False),
    Column("blob_key", String(200), nullable=False),
    UniqueConstraint("blob_key"),
    Index(None, "upload_id"),
)

documents = Table(
    "documents",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", String(255), nullable=False),
    Column("batch", String(32), nullable=False),
    Column("data_source_type", String(32), nullable=False),
    Column("upload_id", Id, ForeignKey("uploads.id"), nullable=False),
    Column("process_rule_id", Id, nullable=False),
    Column("doc_form", String(32), nullable=False),
    Column("doc_language", String(255), nullable=False),
    Column("created_from", String(32), nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("indexing_status", String(16), nullable=False),
    Column("error", Text),
    Column("is_enabled", Boolean, nullable=False),
    Column("disabled_at", Double),
    Column("disabled_by", Id),
    Column("is_archived", Boolean, nullable=False),
    Column("is_summary_needed", Boolean, nullable=False),
    Column("word_count", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("hit_count", BigInteger, nullable=False),
    Column("processing_started_at", Double),
    Column("parsing_completed_at", Double),
    Column("cleaning_completed_at", Double),
    Column("splitting_completed_at", Double),
    Column("completed_at", Double),
    Column("paused_at", Double),
    Column("stopped_at", Double),
    # `generation` is the content being made or last made; `live_generation` is the one that answers, 0 for none.
    Column("generation", Integer, nullable=False),
    Column("live_generation", Integer, nullable=False),
    # Counts the contents that have answered: the number of the one that answers now.
    Column("version", Integer, nullable=False, server_default=text("1")),
    # The version whose segments the newest content is made of; null where it is cut from the file.
    Column("restores_version", Integer),
    # Whether segments of the answering content still wait for their summaries.
    Column("is_summarizing", Boolean, nullable=False, server_default=text("false")),
    # What went other than it was wanted though the document answers; null for nothing.
    Column("warning", Text),
    UniqueConstraint("id"),
    UniqueConstraint("dataset_id", "position"),
    Index(None, "dataset_id", "created_at"),
    Index(None, "dataset_id", "name"),
    Index(None, "dataset_id", "batch"),
    Index(None, "upload_id"),
)

tags = Table(
    "tags",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("name", String(50), nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("name"),
    sqlite_autoincrement=True,
)

tag_bindings = Table(
    "tag_bindings",
    metadata,
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_number", Number, ForeignKey("tags.number", ondelete="CASCADE"), primary_key=True),
    Index(None, "tag_number"),
)

metadata_fields = Table(
    "metadata_fields",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("id", Id, nullable=False),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("type", String(16), nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("id"),
    UniqueConstraint("dataset_id", "name"),
    sqlite_autoincrement=True,
)

metadata_values = Table(
    "metadata_values",
    metadata,
    Column("document_number", Number, ForeignKey("documents.number", ondelete="CASCADE"), primary_key=True),
    Column("field_number", Number, ForeignKey("metadata_fields.number", ondelete="CASCADE"), primary_key=True),
    # The value as the client sent it: `text` is a string itself or a number's JSON text, null for null.
    Column("kind", String(8), nullable=False),
    Column("text", Text),
    # What filters compare by: the text's first characters (all of it, if they are fewer than the column holds), the
    # value read as a number, and as a moment in epoch seconds; null if it is none.
    Column("head", String(64)),
    Column("number", Double),
    Column("moment", Double),
    # With the document's number the indexes alone answer, without the rows.
    Index(None, "field_number", "head", "document_number"),
    Index(None, "field_number", "number", "document_number"),
    Index(None, "field_number", "moment", "document_number"),
)

# Files for knowledge pipelines: no dataset knows them until a pipeline runs; unused ones go after a day.
pipeline_uploads = Table(
    "pipeline_uploads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("extension", String(32), nullable=False),
    Column("mime_type", String(255), nullable=False),
    Column("blob_key", String(200), nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("blob_key"),
)

apps = Table(
    "apps",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("description", String(400), nullable=False),
    Column("retrieval_model_json", Text, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("author_name", String(255), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("updated_by", Id, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("name"),
    Index(None, "created_at", "id"),
)

app_datasets = Table(
    "app_datasets",
    metadata,
    Column("app_id", Id, ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    # Without a cascade: a dataset cannot be deleted while an app holds it.
    Column("dataset_id", Id, ForeignKey("datasets.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Index(None, "dataset_id"),
)

for table in (documents, process_rules):
    table.dialect_options["sqlite"]["autoincrement"] = True
