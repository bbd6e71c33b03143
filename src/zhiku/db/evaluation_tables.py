"""The tables of question sets and of what was measured with them."""

from sqlalchemy import Column, Double, ForeignKey, Index, Integer, String, Table, Text

from zhiku.db.columns import Id, metadata

# Never changed once made, so that all runs over a set asked the same.
question_sets = Table(
    "question_sets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("question_count", Integer, nullable=False),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Index(None, "dataset_id", "created_at"),
)

questions = Table(
    "questions",
    metadata,
    Column("question_set_id", Id, ForeignKey("question_sets.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("query", Text, nullable=False),
    # The documents and segments that answer it; evaluation/question_store.py says their shape.
    Column("answers_json", Text, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("dataset_id", Id, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
    Column("question_set_id", Id, ForeignKey("question_sets.id", ondelete="CASCADE"), nullable=False),
    # The retrieval models that are compared.
    Column("settings_json", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("error", Text),
    # One for each of the settings, and what they suggest; null until all questions are asked.
    Column("figures_json", Text),
    Column("suggestion_json", Text),
    Column("created_by", Id, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
    Index(None, "dataset_id", "created_at"),
    Index(None, "question_set_id"),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("evaluation_id", Id, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    # The question's.
    Column("position", Integer, primary_key=True, autoincrement=False),
    # What each of the settings answered.
    Column("results_json", Text, nullable=False),
    # What both branches of a hybrid search brought, kept until the suggestion is made of it.
    Column("pool_json", Text),
)
