"""Make the catalog of version 0.1."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite only counts upwards by itself for a column declared INTEGER PRIMARY KEY.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EPOCH: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Make every table, those that others refer to first."""
    _create_api_keys()
    _create_datasets()
    _create_embeddings()
    _create_jobs()
    _create_outbox()
    _create_workspace()
    _create_process_rules()
    _create_uploads()
    _create_documents()
    _index_documents()
    _create_tags()
    _create_metadata()
    _create_segments()
    _index_segments()
    _create_child_chunks()


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("actor_id", sa.String(36), nullable=False),
        sa.Column("actor_name", sa.String(255), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("revoked_at", EPOCH, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("description", sa.String(400), nullable=False),
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("permission", sa.String(32), nullable=False),
        sa.Column("partial_members_json", sa.Text(), nullable=False),
        sa.Column("data_source_type", sa.String(32), nullable=True),
        sa.Column("indexing_technique", sa.String(16), nullable=True),
        sa.Column("doc_form", sa.String(32), nullable=True),
        sa.Column("embedding_model", sa.String(255), nullable=True),
        sa.Column("embedding_model_provider", sa.String(255), nullable=True),
        sa.Column("retrieval_model_json", sa.Text(), nullable=True),
        sa.Column("summary_index_setting_json", sa.Text(), nullable=True),
        sa.Column("icon_info_json", sa.Text(), nullable=True),
        sa.Column("is_built_in_field_enabled", sa.Boolean(), nullable=False),
        sa.Column("is_api_enabled", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("author_name", sa.String(255), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_by", sa.String(36), nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.Column("index_generation", sa.Integer(), nullable=False),
        sa.Column("index_dimension", sa.Integer(), nullable=False),
        sa.Column("embedding_key", sa.String(255), nullable=True),
        sa.Column("term_count", sa.BigInteger(), nullable=False),
        sa.Column("posting_count", sa.BigInteger(), nullable=False),
        sa.Column("outbox_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("name", name="uq_datasets_name"),
    )
    op.create_index("ix_datasets_created_at_id", "datasets", ["created_at", "id"])


def _create_embeddings() -> None:
    op.create_table(
        "embeddings",
        sa.Column("model_key", sa.String(255), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model_key", "content_hash", name="pk_embeddings"),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("subject", sa.String(80), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("run_at", EPOCH, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(80), nullable=True),
        sa.Column("lease_until", EPOCH, nullable=True),
        sa.Column("checkpoint_json", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_jobs"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_dataset_id_priority_turn", "jobs", ["dataset_id", "priority", "turn"])
    op.create_index(
        "ix_jobs_state_priority_turn_number_run_at", "jobs", ["state", "priority", "turn", "number", "run_at"]
    )
    op.create_index(
        "uq_jobs_running_subject",
        "jobs",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index("ix_jobs_subject", "jobs", ["subject"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("change", sa.String(32), nullable=False),
        sa.Column("payload_json", sa.Text(), nullable=False),
        sa.Column("is_applied", sa.Boolean(), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "sequence", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_pending",
        "outbox",
        ["dataset_id", "sequence"],
        sqlite_where=sa.text("is_applied = false"),
        postgresql_where=sa.text("is_applied = false"),
    )


def _create_workspace() -> None:
    op.create_table(
        "workspace",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("owner_id", sa.String(36), nullable=False),
        sa.Column("owner_name", sa.String(255), nullable=False),
        sa.Column("is_sample_loaded", sa.Boolean(), nullable=False),
        sa.Column("link_secret", sa.String(64), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workspace"),
    )


def _create_process_rules() -> None:
    op.create_table(
        "process_rules",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("rules_json", sa.Text(), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_process_rules"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_process_rules_dataset_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("id", name="uq_process_rules_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_process_rules_dataset_id_number", "process_rules", ["dataset_id", "number"])


def _create_uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("document_id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.String(32), nullable=False),
        sa.Column("mime_type", sa.String(255), nullable=False),
        sa.Column("blob_key", sa.String(200), nullable=False),
        sa.Column("is_text", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_uploads_dataset_id", ondelete="CASCADE"),
        sa.UniqueConstraint("blob_key", name="uq_uploads_blob_key"),
    )
    op.create_index("ix_uploads_dataset_id_document_id", "uploads", ["dataset_id", "document_id"])


def _create_documents() -> None:
    op.create_table(
        "documents",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("batch", sa.String(32), nullable=False),
        sa.Column("data_source_type", sa.String(32), nullable=False),
        sa.Column("upload_id", sa.String(36), nullable=False),
        sa.Column("process_rule_id", sa.String(36), nullable=False),
        sa.Column("doc_form", sa.String(32), nullable=False),
        sa.Column("doc_language", sa.String(255), nullable=False),
        sa.Column("created_from", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.Column("indexing_status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", EPOCH, nullable=True),
        sa.Column("disabled_by", sa.String(36), nullable=True),
        sa.Column("is_archived", sa.Boolean(), nullable=False),
        sa.Column("is_summary_needed", sa.Boolean(), nullable=False),
        sa.Column("word_count", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("hit_count", sa.BigInteger(), nullable=False),
        sa.Column("processing_started_at", EPOCH, nullable=True),
        sa.Column("parsing_completed_at", EPOCH, nullable=True),
        sa.Column("cleaning_completed_at", EPOCH, nullable=True),
        sa.Column("splitting_completed_at", EPOCH, nullable=True),
        sa.Column("completed_at", EPOCH, nullable=True),
        sa.Column("paused_at", EPOCH, nullable=True),
        sa.Column("stopped_at", EPOCH, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("live_generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_documents"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_documents_dataset_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name="fk_documents_upload_id"),
        sa.UniqueConstraint("dataset_id", "position", name="uq_documents_dataset_id_position"),
        sa.UniqueConstraint("id", name="uq_documents_id"),
        sqlite_autoincrement=True,
    )


def _index_documents() -> None:
    op.create_index("ix_documents_dataset_id_batch", "documents", ["dataset_id", "batch"])
    op.create_index("ix_documents_dataset_id_created_at", "documents", ["dataset_id", "created_at"])
    op.create_index("ix_documents_dataset_id_name", "documents", ["dataset_id", "name"])
    op.create_index("ix_documents_upload_id", "documents", ["upload_id"])


def _create_tags() -> None:
    op.create_table(
        "tags",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_tags"),
        sa.UniqueConstraint("id", name="uq_tags_id"),
        sa.UniqueConstraint("name", name="uq_tags_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tag_bindings",
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("tag_number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "tag_number", name="pk_tag_bindings"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_tag_bindings_dataset_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_number"], ["tags.number"], name="fk_tag_bindings_tag_number", ondelete="CASCADE"),
    )
    op.create_index("ix_tag_bindings_tag_number", "tag_bindings", ["tag_number"])


def _create_metadata() -> None:
    op.create_table(
        "metadata_fields",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_metadata_fields"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_metadata_fields_dataset_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("dataset_id", "name", name="uq_metadata_fields_dataset_id_name"),
        sa.UniqueConstraint("id", name="uq_metadata_fields_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "metadata_values",
        sa.Column("document_number", NUMBER, nullable=False),
        sa.Column("field_number", NUMBER, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("head", sa.String(64), nullable=True),
        sa.Column("number", EPOCH, nullable=True),
        sa.Column("moment", EPOCH, nullable=True),
        sa.PrimaryKeyConstraint("document_number", "field_number", name="pk_metadata_values"),
        sa.ForeignKeyConstraint(
            ["document_number"], ["documents.number"], name="fk_metadata_values_document_number", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["field_number"], ["metadata_fields.number"], name="fk_metadata_values_field_number", ondelete="CASCADE"
        ),
    )
    for compared in ("head", "number", "moment"):
        op.create_index(
            f"ix_metadata_values_field_number_{compared}_document_number",
            "metadata_values",
            ["field_number", compared, "document_number"],
        )


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("number", NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("document_number", NUMBER, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("keeps_number", NUMBER, nullable=True),
        sa.Column("is_hook", sa.Boolean(), nullable=False),
        sa.Column("is_manual", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("keywords_json", sa.Text(), nullable=False),
        sa.Column("index_node_id", sa.String(36), nullable=False),
        sa.Column("index_node_hash", sa.String(64), nullable=False),
        sa.Column("hit_count", sa.BigInteger(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", EPOCH, nullable=True),
        sa.Column("disabled_by", sa.String(36), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("stopped_at", EPOCH, nullable=True),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_by", sa.String(36), nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.Column("indexing_at", EPOCH, nullable=True),
        sa.Column("completed_at", EPOCH, nullable=True),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("term_count", sa.Integer(), nullable=False),
        sa.Column("keyword_hashes", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_segments"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_segments_dataset_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["document_number"], ["documents.number"], name="fk_segments_document_number", ondelete="CASCADE"
        ),
        sa.UniqueConstraint(
            "document_number", "generation", "position", name="uq_segments_document_number_generation_position"
        ),
        sa.UniqueConstraint("id", name="uq_segments_id"),
        sqlite_autoincrement=True,
    )


def _index_segments() -> None:
    op.create_index("ix_segments_content_hash", "segments", ["content_hash"])
    op.create_index("ix_segments_dataset_id", "segments", ["dataset_id"])


def _create_child_chunks() -> None:
    op.create_table(
        "child_chunks",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("segment_number", NUMBER, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("index_node_id", sa.String(36), nullable=False),
        sa.Column("index_node_hash", sa.String(64), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("term_count", sa.Integer(), nullable=False),
        sa.Column("keyword_hashes", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_child_chunks"),
        sa.ForeignKeyConstraint(
            ["segment_number"], ["segments.number"], name="fk_child_chunks_segment_number", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("id", name="uq_child_chunks_id"),
        sa.UniqueConstraint("segment_number", "position", name="uq_child_chunks_segment_number_position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_child_chunks_content_hash", "child_chunks", ["content_hash"])
