"""SQL of datasets and their process rules."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from zhiku.access.actor import Actor
from zhiku.access.store import in_scope_of, visible_to
from zhiku.datasets.binding_store import BoundSource, find_source, list_sources
from zhiku.datasets.switch_store import IndexSwitch, find_switch, list_switches
from zhiku.db.engine import Database
from zhiku.db.hot import HotRead
from zhiku.db.tables import app_datasets, datasets, documents, metadata_fields, process_rules, tag_bindings, tags
from zhiku.errors import DatasetNameDuplicate


@dataclass(frozen=True, slots=True)
class Dataset:
    """A row of `datasets`."""

    id: str
    name: str
    description: str
    provider: str
    permission: str
    partial_members_json: str
    data_source_type: str | None
    indexing_technique: str | None
    doc_form: str | None
    embedding_model: str | None
    embedding_model_provider: str | None
    retrieval_model_json: str | None
    summary_index_setting_json: str | None
    icon_info_json: str | None
    is_built_in_field_enabled: bool
    is_api_enabled: bool
    created_by: str
    author_name: str
    created_at: float
    updated_by: str
    updated_at: float
    index_generation: int
    index_dimension: int
    embedding_key: str | None
    term_count: int
    posting_count: int
    outbox_sequence: int
    last_position: int

    @property
    def mean_terms(self) -> float:
        """Return the mean number of words a posting, 1 where there is none."""
        return self.term_count / self.posting_count if self.posting_count > 0 else 1.0


@dataclass(frozen=True, slots=True)
class DatasetTag:
    """A tag on a dataset."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DatasetField:
    """A metadata field that the documents of a dataset may have."""

    id: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset with the counts of its documents and apps, its tags and its metadata fields.

    `source` is what an external dataset is bound to, None for others.
    """

    dataset: Dataset
    document_count: int
    word_count: int
    available_document_count: int
    tags: Sequence[DatasetTag]
    fields: Sequence[DatasetField]
    app_count: int
    switch: IndexSwitch | None
    source: BoundSource | None

    @property
    def shown(self) -> Dataset:
        """Return the dataset as readers see it: with what it is being switched to, if it is."""
        switch = self.switch
        if switch is None or not switch.is_under_way:
            return self.dataset
        return replace(
            self.dataset,
            indexing_technique=switch.technique,
            embedding_model=switch.embedding_model,
            embedding_model_provider=switch.embedding_model_provider,
        )


@dataclass(frozen=True, slots=True)
class ProcessRuleRow:
    """A stored process rule."""

    id: str
    dataset_id: str
    mode: str
    rules_json: str


_COLUMNS = [datasets.c[field.name] for field in fields(Dataset)]
_IS_AVAILABLE = case(
    (
        (documents.c.indexing_status == "completed") & documents.c.is_enabled & ~documents.c.is_archived,
        1,
    )
)
_COUNTS = (
    select(
        func.count(documents.c.number),
        func.coalesce(func.sum(documents.c.word_count), 0),
        func.count(_IS_AVAILABLE),
    )
    .where(documents.c.dataset_id == bindparam("dataset_id"))
    .select_from(documents)
)
_OF_ID = datasets.c.id == bindparam("dataset_id")
_NEXT_POSITION = (
    update(datasets)
    .where(_OF_ID)
    .values(last_position=datasets.c.last_position + 1)
    .returning(datasets.c.last_position)
)
_ADD_POSTINGS = (
    update(datasets)
    .where(_OF_ID)
    .values(
        posting_count=datasets.c.posting_count + bindparam("postings"),
        term_count=datasets.c.term_count + bindparam("terms"),
    )
)
_INSERT_RULE = insert(process_rules)
_RULE = select(*(process_rules.c[field.name] for field in fields(ProcessRuleRow)))
_RULE_OF_ID = _RULE.where(process_rules.c.id == bindparam("rule_id"))
_NEWEST_RULE = (
    _RULE.where(process_rules.c.dataset_id == bindparam("dataset_id")).order_by(process_rules.c.number.desc()).limit(1)
)
_GET = HotRead(select(*_COLUMNS).where(datasets.c.id == bindparam("dataset_id")))
_GET_SCOPED = HotRead(
    select(*_COLUMNS).where(datasets.c.id == bindparam("dataset_id"), in_scope_of(bindparam("key_id")))
)


def insert_dataset(tx: Connection, dataset: Dataset) -> None:
    """Add a dataset. Raises DatasetNameDuplicate, also where another create of the name commits first."""
    try:
        tx.execute(insert(datasets), {field.name: getattr(dataset, field.name) for field in fields(Dataset)})
    except IntegrityError as error:
        raise DatasetNameDuplicate from error


def find_dataset(conn: Connection, dataset_id: str) -> Dataset | None:
    """Return the dataset's row, or None."""
    rows = _GET.rows(conn, {"dataset_id": dataset_id})
    return Dataset(*rows[0]) if rows else None


def fetch_dataset(db: Database, dataset_id: str) -> Dataset | None:
    """Return the dataset's row, or None; every request asks this."""
    rows = db.fetch(_GET, {"dataset_id": dataset_id})
    return Dataset(*rows[0]) if rows else None


def find_scoped_dataset(conn: Connection, key_id: str, dataset_id: str) -> Dataset | None:
    """Return the dataset's row if this scoped key sees it, or None."""
    rows = _GET_SCOPED.rows(conn, {"dataset_id": dataset_id, "key_id": key_id})
    return Dataset(*rows[0]) if rows else None


def fetch_scoped_dataset(db: Database, key_id: str, dataset_id: str) -> Dataset | None:
    """Return the dataset's row if this scoped key sees it, or None; its every request asks this."""
    rows = db.fetch(_GET_SCOPED, {"dataset_id": dataset_id, "key_id": key_id})
    return Dataset(*rows[0]) if rows else None


def is_name_taken(conn: Connection, name: str) -> bool:
    """Tell whether a dataset has exactly this name."""
    return conn.execute(select(datasets.c.id).where(datasets.c.name == name)).first() is not None


def find_dataset_row(conn: Connection, dataset_id: str) -> DatasetRow | None:
    """Return the dataset with its counts, tags and fields, or None."""
    dataset = find_dataset(conn, dataset_id)
    if dataset is None:
        return None
    counts = conn.execute(_COUNTS, {"dataset_id": dataset_id}).one()
    found_tags, found_fields = _list_tags(conn, [dataset_id]), _list_fields(conn, [dataset_id])
    return DatasetRow(
        dataset,
        *_as_integers(counts),
        tags=found_tags[dataset_id],
        fields=found_fields[dataset_id],
        app_count=count_apps(conn, [dataset_id]).get(dataset_id, 0),
        switch=find_switch(conn, dataset_id),
        source=find_source(conn, dataset_id) if dataset.provider == "external" else None,
    )


def list_datasets(
    conn: Connection, actor: Actor, keyword: str | None, tag_ids: Sequence[str], offset: int, limit: int
) -> list[DatasetRow]:
    """Return a page of the datasets that the actor sees, newest first, each with its counts, tags and fields."""
    page = (
        select(*_COLUMNS)
        .where(*visible_to(actor), *_matching(keyword, tag_ids))
        .order_by(datasets.c.created_at.desc(), datasets.c.id)
        .offset(offset)
        .limit(limit)
    )
    found = [Dataset(*row) for row in conn.execute(page)]
    ids = [dataset.id for dataset in found]
    counts, tags_of, fields_of = _count_by_dataset(conn, ids), _list_tags(conn, ids), _list_fields(conn, ids)
    app_counts, switches = count_apps(conn, ids), list_switches(conn, ids)
    sources = list_sources(conn, [dataset.id for dataset in found if dataset.provider == "external"])
    return [
        DatasetRow(
            dataset,
            *counts.get(dataset.id, (0, 0, 0)),
            tags=tags_of[dataset.id],
            fields=fields_of[dataset.id],
            app_count=app_counts.get(dataset.id, 0),
            switch=switches.get(dataset.id),
            source=sources.get(dataset.id),
        )
        for dataset in found
    ]


def list_indexed(conn: Connection) -> list[Dataset]:
    """Return every dataset that has postings, the newest first; for the check at start, not for requests."""
    statement = select(*_COLUMNS).where(datasets.c.posting_count > 0)
    return [Dataset(*row) for row in conn.execute(statement.order_by(datasets.c.created_at.desc(), datasets.c.id))]


def count_datasets(conn: Connection, actor: Actor, keyword: str | None, tag_ids: Sequence[str]) -> int:
    """Return how many of the datasets that the actor sees match."""
    conditions = [*visible_to(actor), *_matching(keyword, tag_ids)]
    return conn.execute(select(func.count()).select_from(datasets).where(*conditions)).scalar_one()


def count_apps(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, int]:
    """Return in how many apps each of the datasets is; those in none are left out."""
    grouped = (
        select(app_datasets.c.dataset_id, func.count())
        .where(app_datasets.c.dataset_id.in_(dataset_ids))
        .group_by(app_datasets.c.dataset_id)
    )
    return {row[0]: row[1] for row in conn.execute(grouped)}


def delete_dataset(tx: Connection, dataset_id: str) -> None:
    """Remove the dataset with its documents, segments and rules."""
    tx.execute(delete(datasets).where(datasets.c.id == dataset_id))


def hold_dataset(tx: Connection, dataset_id: str) -> bool:
    """Make other changes of the dataset's documents wait until commit; False if the dataset is gone."""
    held = update(datasets).where(datasets.c.id == dataset_id).values(last_position=datasets.c.last_position)
    return tx.execute(held).rowcount == 1


def next_position(tx: Connection, dataset_id: str) -> int | None:
    """Take the next document position, holding the dataset's row until commit; None if the dataset is gone."""
    return tx.execute(_NEXT_POSITION, {"dataset_id": dataset_id}).scalar_one_or_none()


def update_dataset(tx: Connection, dataset_id: str, values: dict[str, Any]) -> None:
    """Change a dataset. Raises DatasetNameDuplicate, also where another change to the name commits first."""
    try:
        tx.execute(update(datasets).where(datasets.c.id == dataset_id).values(**values))
    except IntegrityError as error:
        raise DatasetNameDuplicate from error


def set_first_document_values(tx: Connection, dataset_id: str, values: dict[str, Any]) -> None:
    """Write what a dataset takes from its first document."""
    tx.execute(update(datasets).where(datasets.c.id == dataset_id).values(**values))


def clear_form_if_empty(tx: Connection, dataset_id: str) -> None:
    """Forget the document form of a dataset that has no documents left."""
    has_documents = select(documents.c.number).where(documents.c.dataset_id == dataset_id).exists()
    tx.execute(update(datasets).where(datasets.c.id == dataset_id, ~has_documents).values(doc_form=None))


def add_posting_counts(tx: Connection, dataset_id: str, postings: int, terms: int) -> None:
    """Change the number of postings and words that the index holds for the dataset."""
    tx.execute(_ADD_POSTINGS, {"dataset_id": dataset_id, "postings": postings, "terms": terms})


def set_embedding(tx: Connection, dataset_id: str, embedding_key: str, dimension: int) -> None:
    """Remember which vectors the dataset's index is made of, and their length."""
    tx.execute(
        update(datasets)
        .where(datasets.c.id == dataset_id)
        .values(embedding_key=embedding_key, index_dimension=dimension)
    )


def set_built_in_fields(tx: Connection, dataset_id: str, is_enabled: bool) -> None:
    """Show the built-in metadata fields of the dataset's documents, or hide them."""
    tx.execute(update(datasets).where(datasets.c.id == dataset_id).values(is_built_in_field_enabled=is_enabled))


def swap_index(tx: Connection, dataset: Dataset, values: dict[str, Any]) -> bool:
    """Let another shard answer for the dataset; False if `dataset` is gone or its index another one meanwhile."""
    is_as_it_was = (
        datasets.c.id == dataset.id,
        datasets.c.index_generation == dataset.index_generation,
        datasets.c.index_dimension == dataset.index_dimension,
    )
    return tx.execute(update(datasets).where(*is_as_it_was).values(**values)).rowcount == 1


def insert_rule(tx: Connection, rule: ProcessRuleRow, created_at: float) -> None:
    """Add a process rule; the newest one is the dataset's current rule."""
    tx.execute(_INSERT_RULE, {**_values(rule), "created_at": created_at})


def find_rule(conn: Connection, rule_id: str) -> ProcessRuleRow | None:
    """Return a process rule by id, or None."""
    row = conn.execute(_RULE_OF_ID, {"rule_id": rule_id}).first()
    return ProcessRuleRow(*row) if row else None


def find_newest_rule(conn: Connection, dataset_id: str) -> ProcessRuleRow | None:
    """Return the dataset's current process rule, or None if it never had one."""
    row = conn.execute(_NEWEST_RULE, {"dataset_id": dataset_id}).first()
    return ProcessRuleRow(*row) if row else None


def _matching(keyword: str | None, tag_ids: Sequence[str]) -> list[Any]:
    """Return the conditions of a dataset list; all tags must be bound, so an unknown one matches nothing."""
    conditions: list[Any] = []
    if keyword is not None:
        conditions.append(func.lower(datasets.c.name).contains(keyword.lower(), autoescape=True))
    if tag_ids:
        wanted = {tag_id.lower() for tag_id in tag_ids}
        bound = (
            select(func.count())
            .select_from(tag_bindings)
            .join(tags, tags.c.number == tag_bindings.c.tag_number)
            .where(tag_bindings.c.dataset_id == datasets.c.id, tags.c.id.in_(wanted))
        )
        conditions.append(bound.scalar_subquery() == len(wanted))
    return conditions


def _list_tags(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, list[DatasetTag]]:
    """Return each dataset's tags, newest first."""
    statement = (
        select(tag_bindings.c.dataset_id, tags.c.id, tags.c.name)
        .join(tags, tags.c.number == tag_bindings.c.tag_number)
        .where(tag_bindings.c.dataset_id.in_(dataset_ids))
        .order_by(tags.c.created_at.desc(), tags.c.number.desc())
    )
    found: dict[str, list[DatasetTag]] = {dataset_id: [] for dataset_id in dataset_ids}
    for dataset_id, *tag in conn.execute(statement):
        found[dataset_id].append(DatasetTag(*tag))
    return found


def _list_fields(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, list[DatasetField]]:
    """Return each dataset's metadata fields, oldest first."""
    statement = (
        select(metadata_fields.c.dataset_id, metadata_fields.c.id, metadata_fields.c.name, metadata_fields.c.type)
        .where(metadata_fields.c.dataset_id.in_(dataset_ids))
        .order_by(metadata_fields.c.number)
    )
    found: dict[str, list[DatasetField]] = {dataset_id: [] for dataset_id in dataset_ids}
    for dataset_id, *field in conn.execute(statement):
        found[dataset_id].append(DatasetField(*field))
    return found


def _count_by_dataset(conn: Connection, dataset_ids: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    grouped = (
        select(
            documents.c.dataset_id,
            func.count(documents.c.number),
            func.coalesce(func.sum(documents.c.word_count), 0),
            func.count(_IS_AVAILABLE),
        )
        .where(documents.c.dataset_id.in_(dataset_ids))
        .group_by(documents.c.dataset_id)
    )
    return {row[0]: _as_integers(row[1:]) for row in conn.execute(grouped)}


def _as_integers(counts: Sequence[Any]) -> tuple[int, int, int]:
    """PostgreSQL sums big integers to decimals."""
    document_count, word_count, available = counts
    return int(document_count), int(word_count), int(available)


def _values(row: Any) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
