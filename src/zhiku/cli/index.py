"""The search index from the command line; the running server does the work."""

import time

import typer

from zhiku.cli.catalog import open_catalog
from zhiku.datasets import store as dataset_store
from zhiku.datasets import switch_store
from zhiku.datasets.store import Dataset
from zhiku.datasets.switch_store import IndexSwitch
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


def show_switches(settings: Settings) -> None:
    """Print each dataset that is being switched to another technique or model, or whose switch was given up."""
    with open_catalog(settings) as rt, rt.db.read() as conn:
        switches = switch_store.list_all_switches(conn)
        found = [(switch, dataset_store.find_dataset(conn, switch.dataset_id)) for switch in switches]
    for switch, dataset in found:
        if dataset is not None:
            typer.echo(f"{dataset.id}  {dataset.name}  to {_describe(switch)}: {_progress(switch)}")
    if not found:
        typer.echo("No dataset is being switched to another technique or model.")


def _describe(switch: IndexSwitch) -> str:
    if switch.technique == "economy":
        return "economy"
    return f"high_quality with {switch.embedding_model} of {switch.embedding_model_provider}"


def _progress(switch: IndexSwitch) -> str:
    if switch.error is not None:
        return f"given up, the former index goes on answering. {switch.error}"
    return "the new index is being built" if switch.is_ready else "texts are being embedded"


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
