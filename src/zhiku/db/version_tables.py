"""The tables of former contents of documents."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
)

from zhiku.db.columns import Id, Number, metadata

# What stopped answering; before that, what the document was when the work on newer content began.
document_versions = Table(
    "document_versions",
    metadata,
    Column("document_number", Number, ForeignKey("documents.number", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255), nullable=False),
    # Not a foreign key: PostgreSQL deletes a dataset's files before it comes to its documents' versions.
    Column("upload_id", Id, nullable=False),
    Column("process_rule_id", Id, nullable=False),
    Column("doc_language", String(255), nullable=False),
    # When it began to answer and when it stopped; the second is null while it answers.
    Column("completed_at", Double),
    Column("replaced_at", Double),
    Column("segment_count", Integer, nullable=False),
    Column("word_count", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Index(None, "upload_id"),
)

# The segments of a version, some hundreds in each part; documents/version_content.py packs them.
document_version_parts = Table(
    "document_version_parts",
    metadata,
    Column("document_number", Number, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    # What versions are compared by; before the content, so that SQLite need not read through that.
    Column("digests", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(
        ["document_number", "version"],
        ["document_versions.document_number", "document_versions.number"],
        name="fk_document_version_parts_version",
        ondelete="CASCADE",
    ),
)
