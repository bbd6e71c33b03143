"""Add what the rest of the contract needs.

Tables that others refer to are only added to, never made anew: on SQLite dropping one would delete the rows that
refer to it. So a new column may be null or has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EPOCH: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Add the tables and columns, one function for each resource."""
    _add_console()
    _add_key_scopes()
    _create_pipeline_uploads()
    _create_apps()
    _create_index_switches()
    _move_hits()
    _create_recuts()
    _add_summaries()
    _add_places()
    _create_pictures()
    _create_document_versions()
    _create_external_connections()
    _create_evaluations()


def _add_console() -> None:
    op.add_column("workspace", sa.Column("console_password_hash", sa.String(255)))
    op.create_table(
        "console_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("expires_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_console_sessions"),
    )
    op.create_index("ix_console_sessions_expires_at", "console_sessions", ["expires_at"])


def _create_pipeline_uploads() -> None:
    op.create_table(
        "pipeline_uploads",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.String(32), nullable=False),
        sa.Column("mime_type", sa.String(255), nullable=False),
        sa.Column("blob_key", sa.String(200), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pipeline_uploads"),
        sa.UniqueConstraint("blob_key", name="uq_pipeline_uploads_blob_key"),
    )


def _create_apps() -> None:
    op.create_table(
        "apps",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("description", sa.String(400), nullable=False),
        sa.Column("retrieval_model_json", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("author_name", sa.String(255), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_by", sa.String(36), nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_apps"),
        sa.UniqueConstraint("name", name="uq_apps_name"),
    )
    op.create_index("ix_apps_created_at_id", "apps", ["created_at", "id"])
    op.create_table(
        "app_datasets",
        sa.Column("app_id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], name="fk_app_datasets_app_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_app_datasets_dataset_id"),
        sa.PrimaryKeyConstraint("app_id", "dataset_id", name="pk_app_datasets"),
    )
    op.create_index("ix_app_datasets_dataset_id", "app_datasets", ["dataset_id"])


def _add_key_scopes() -> None:
    op.add_column("api_keys", sa.Column("role", sa.String(8), nullable=False, server_default="admin"))
    op.add_column("api_keys", sa.Column("is_member", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("api_keys", sa.Column("is_scoped", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("api_keys", sa.Column("rate_limit_per_minute", sa.Integer()))
    op.add_column("api_keys", sa.Column("expires_at", EPOCH))
    op.add_column("api_keys", sa.Column("last_used_at", EPOCH))
    op.create_table(
        "key_datasets",
        sa.Column("key_id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "dataset_id", name="pk_key_datasets"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_key_datasets_key_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_key_datasets_dataset_id", ondelete="CASCADE"),
    )
    op.create_index("ix_key_datasets_dataset_id", "key_datasets", ["dataset_id"])


def _create_index_switches() -> None:
    op.create_table(
        "index_switches",
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("technique", sa.String(16), nullable=False),
        sa.Column("embedding_model", sa.String(255)),
        sa.Column("embedding_model_provider", sa.String(255)),
        sa.Column("index_dimension", sa.Integer()),
        sa.Column("embedding_key", sa.String(255)),
        sa.Column("error", sa.Text()),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_index_switches"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_index_switches_dataset_id", ondelete="CASCADE"
        ),
    )


def _create_recuts() -> None:
    op.create_table(
        "recuts",
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("process_rule_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("after", NUMBER, nullable=False),
        sa.Column("last", NUMBER, nullable=False),
        sa.Column("walked", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("ended_at", EPOCH),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_recuts"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_recuts_dataset_id", ondelete="CASCADE"),
    )


def _move_hits() -> None:
    op.create_table(
        "segment_hits",
        sa.Column("segment_number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("hit_count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("segment_number", name="pk_segment_hits"),
        sa.ForeignKeyConstraint(
            ["segment_number"], ["segments.number"], name="fk_segment_hits_segment_number", ondelete="CASCADE"
        ),
    )
    op.execute(
        """
        INSERT INTO segment_hits (segment_number, hit_count)
        SELECT number, hit_count FROM segments WHERE hit_count > 0
        """
    )
    op.drop_column("segments", "hit_count")


def _add_places() -> None:
    op.add_column("segments", sa.Column("place_json", sa.Text()))


def _create_pictures() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("upload_id", sa.String(36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("extension", sa.String(32), nullable=False),
        sa.Column("mime_type", sa.String(255), nullable=False),
        sa.Column("blob_key", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name="fk_pictures_upload_id", ondelete="CASCADE"),
        sa.UniqueConstraint("blob_key", name="uq_pictures_blob_key"),
    )
    op.create_index("ix_pictures_upload_id", "pictures", ["upload_id"])


def _add_summaries() -> None:
    op.add_column(
        "documents", sa.Column("is_summarizing", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    op.add_column("documents", sa.Column("warning", sa.Text()))
    op.create_table(
        "segment_summaries",
        sa.Column("segment_number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("is_stand_in", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("term_count", sa.Integer(), nullable=False),
        sa.Column("keyword_hashes", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("segment_number", name="pk_segment_summaries"),
        sa.ForeignKeyConstraint(
            ["segment_number"], ["segments.number"], name="fk_segment_summaries_segment_number", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_segment_summaries_content_hash", "segment_summaries", ["content_hash"])
    op.create_table(
        "chat_answers",
        sa.Column("document_number", NUMBER, nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("document_number", "request_hash", name="pk_chat_answers"),
        sa.ForeignKeyConstraint(
            ["document_number"], ["documents.number"], name="fk_chat_answers_document_number", ondelete="CASCADE"
        ),
    )


def _create_document_versions() -> None:
    op.add_column("documents", sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("documents", sa.Column("restores_version", sa.Integer()))
    op.create_table(
        "document_versions",
        sa.Column("document_number", NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("upload_id", sa.String(36), nullable=False),
        sa.Column("process_rule_id", sa.String(36), nullable=False),
        sa.Column("doc_language", sa.String(255), nullable=False),
        sa.Column("completed_at", EPOCH),
        sa.Column("replaced_at", EPOCH),
        sa.Column("segment_count", sa.Integer(), nullable=False),
        sa.Column("word_count", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("document_number", "number", name="pk_document_versions"),
        sa.ForeignKeyConstraint(
            ["document_number"], ["documents.number"], name="fk_document_versions_document_number", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_document_versions_upload_id", "document_versions", ["upload_id"])
    op.create_table(
        "document_version_parts",
        sa.Column("document_number", NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("document_number", "version", "part", name="pk_document_version_parts"),
        sa.ForeignKeyConstraint(
            ["document_number", "version"],
            ["document_versions.document_number", "document_versions.number"],
            name="fk_document_version_parts_version",
            ondelete="CASCADE",
        ),
    )


def _create_external_connections() -> None:
    op.create_table(
        "external_connections",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(400), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("updated_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_external_connections"),
    )
    op.create_index("ix_external_connections_created_at_id", "external_connections", ["created_at", "id"])
    op.create_table(
        "external_bindings",
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("connection_id", sa.String(36), nullable=False),
        sa.Column("external_knowledge_id", sa.Text(), nullable=False),
        sa.Column("retrieval_model_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", name="pk_external_bindings"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_external_bindings_dataset_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["external_connections.id"], name="fk_external_bindings_connection_id"
        ),
    )
    op.create_index("ix_external_bindings_connection_id", "external_bindings", ["connection_id"])


def _create_evaluations() -> None:
    op.create_table(
        "question_sets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("question_count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_question_sets"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["datasets.id"], name="fk_question_sets_dataset_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_question_sets_dataset_id_created_at", "question_sets", ["dataset_id", "created_at"])
    op.create_table(
        "questions",
        sa.Column("question_set_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("answers_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("question_set_id", "position", name="pk_questions"),
        sa.ForeignKeyConstraint(
            ["question_set_id"], ["question_sets.id"], name="fk_questions_question_set_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "evaluations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("dataset_id", sa.String(36), nullable=False),
        sa.Column("question_set_id", sa.String(36), nullable=False),
        sa.Column("settings_json", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("figures_json", sa.Text()),
        sa.Column("suggestion_json", sa.Text()),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", EPOCH, nullable=False),
        sa.Column("ended_at", EPOCH),
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name="fk_evaluations_dataset_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["question_set_id"], ["question_sets.id"], name="fk_evaluations_question_set_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_evaluations_dataset_id_created_at", "evaluations", ["dataset_id", "created_at"])
    op.create_index("ix_evaluations_question_set_id", "evaluations", ["question_set_id"])
    op.create_table(
        "evaluation_results",
        sa.Column("evaluation_id", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("results_json", sa.Text(), nullable=False),
        sa.Column("pool_json", sa.Text()),
        sa.PrimaryKeyConstraint("evaluation_id", "position", name="pk_evaluation_results"),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluations.id"], name="fk_evaluation_results_evaluation_id", ondelete="CASCADE"
        ),
    )
