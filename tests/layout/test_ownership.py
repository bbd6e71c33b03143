"""A store may read any table and writes only its own."""

import ast
import re
from collections.abc import Iterator

from tests.layout.source import Module, our_modules
from zhiku.db.tables import metadata

# Who writes a table, by the start of the module's path below src/zhiku.
OWNERS: dict[str, tuple[str, ...]] = {
    "workspace": ("access/",),
    "console_sessions": ("access/",),
    "api_keys": ("access/",),
    "key_datasets": ("access/",),
    "datasets": ("datasets/",),
    "index_switches": ("datasets/",),
    "external_bindings": ("datasets/",),
    "external_connections": ("external/",),
    "process_rules": ("documents/", "datasets/"),
    "uploads": ("documents/",),
    "pictures": ("documents/",),
    "recuts": ("documents/",),
    "documents": ("documents/",),
    "document_versions": ("documents/",),
    "document_version_parts": ("documents/",),
    "segments": ("segments/",),
    "segment_hits": ("db/",),
    "child_chunks": ("segments/",),
    "segment_summaries": ("segments/",),
    "chat_answers": ("ingestion/",),
    "embeddings": ("segments/",),
    "tags": ("tags/",),
    "tag_bindings": ("tags/",),
    "metadata_fields": ("metadata/",),
    "metadata_values": ("metadata/",),
    "pipeline_uploads": ("pipelines/",),
    "apps": ("apps/",),
    "app_datasets": ("apps/",),
    "question_sets": ("evaluation/",),
    "questions": ("evaluation/",),
    "evaluations": ("evaluation/",),
    "evaluation_results": ("evaluation/",),
    "jobs": ("jobs/",),
    "outbox": ("indexes/",),
}
# Columns that another part keeps: (module, table) with the reason above it.
EXCEPTIONS = {
    # The outbox numbers a dataset's rows by a counter in the dataset, whose row lock keeps them in order.
    ("src/zhiku/indexes/outbox.py", "datasets"),
    # Hits are counted in memory and written together, by whoever serves questions.
    ("src/zhiku/db/hits.py", "documents"),
}

WRITES = re.compile(r"\b(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+(\w+)", re.IGNORECASE)
STATEMENTS = {"insert", "update", "delete", "HotInsert"}


def written_tables(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and table of every write: Core calls such as `insert(tables.jobs)` and SQL text."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for found in WRITES.findall(node.value):
                yield node.lineno, found
        elif isinstance(node, ast.Call):
            table = written_by_core(node)
            if table is not None:
                yield node.lineno, table


def written_by_core(call: ast.Call) -> str | None:
    """Return the table of `insert(t)` or `t.insert()`, if `call` is one of those."""
    match call.func, call.args:
        case ast.Name(id=verb) | ast.Attribute(attr=verb), [table, *_] if verb in STATEMENTS:
            return table_name(table)
        case ast.Attribute(value=table, attr=verb), [] if verb in STATEMENTS:
            return table_name(table)
        case _:
            return None


def table_name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


def test_a_store_writes_only_its_own_tables() -> None:
    strangers = [
        f"{module.name}:{line} writes {table}"
        for module in our_modules()
        if not module.name.startswith("src/zhiku/db/")
        for line, table in written_tables(module)
        if table in metadata.tables
        and (module.name, table) not in EXCEPTIONS
        and not module.name.removeprefix("src/zhiku/").startswith(OWNERS.get(table, ()))
    ]
    assert strangers == []


def test_every_table_has_an_owner() -> None:
    assert set(OWNERS) == set(metadata.tables)


def test_writes_are_recognised_in_both_styles() -> None:
    text = (
        'a = insert(tables.jobs)\nb = delete(jobs).where(x)\nc = outbox.update()\nd = text("""UPDATE segments SET x""")'
    )
    module = Module("x.py", text, ast.parse(text))
    assert sorted(table for _, table in written_tables(module)) == ["jobs", "jobs", "outbox", "segments"]
