"""The search index from the command line; the running server does the work."""

import time

import typer

from zhiku.cli.catalog import open_catalog
from zhiku.datasets import store as dataset_store
from zhiku.datasets.store import Dataset
from zhiku.indexes import outbox
from zhiku.runtime import Runtime
from zhiku.settings import Settings

POLL_SECONDS = 0.5


def rebuild(settings: Settings, dataset_id: str | None, wait_seconds: float) -> None:
    """Ask for new shards of one dataset or of all, and wait until they answer; exit with 1 if they do not in time."""
    with open_catalog(settings) as rt:
        wanted = _choose(rt, dataset_id)
        for dataset in wanted:
            with rt.db.begin() as tx:
                outbox.append(tx, rt.clock, dataset.id, outbox.RebuildShard())
        typer.echo(f"Asked for {len(wanted)} new shards; retrieval goes on with the old ones.")
        deadline = time.monotonic() + wait_seconds
        waiting = {dataset.id: dataset for dataset in wanted}
        while waiting and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            for dataset in _list_done(rt, waiting):
                del waiting[dataset.id]
                typer.echo(f"{dataset.id}  {dataset.name}  generation {dataset.index_generation}")
    if waiting:
        typer.echo(f"{len(waiting)} are not done yet. A running server goes on; without one, the next start does.")
        raise typer.Exit(1)


def _choose(rt: Runtime, dataset_id: str | None) -> list[Dataset]:
    with rt.db.read() as conn:
        if dataset_id is None:
            return dataset_store.list_indexed(conn)
        found = dataset_store.find_dataset(conn, dataset_id)
    if found is None:
        typer.echo(f"There is no dataset {dataset_id}.", err=True)
        raise typer.Exit(1)
    return [found]


def _list_done(rt: Runtime, waiting: dict[str, Dataset]) -> list[Dataset]:
    with rt.db.read() as conn:
        now = [dataset_store.find_dataset(conn, dataset_id) for dataset_id in waiting]
    return [each for each in now if each is not None and each.index_generation > waiting[each.id].index_generation]
