"""Zhiku as it is, with the bench's embedding model in the place of the built-in one; run as a process of its own."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import zhiku.bootstrap
import zhiku.cli.serve
import zhiku.cli.work
from bench.embedder import HashedEmbedder
from zhiku.jobs.supervisor import SupervisorHooks, WorkerSupervisor
from zhiku.providers.catalog import ModelCatalog, ModelName
from zhiku.settings import Settings

MODEL = ModelName("bench", "hashed")
HURRY = "BENCH_HURRY"
"""Environment variable: the worker keeps its normal priority, to make data fast where that is not measured."""


def make_hashed_catalog(_settings: Settings) -> ModelCatalog:
    """Return a catalog that serves the bench's model alone."""
    return ModelCatalog({MODEL: HashedEmbedder}, default=MODEL)


def supervise(argv: Sequence[str], hooks: SupervisorHooks) -> WorkerSupervisor:
    """Return a supervisor whose worker has the bench's model too."""
    command = argv[argv.index("zhiku") + 1 :]
    return WorkerSupervisor([sys.executable, "-m", "bench.served", *command], hooks)


def main(command: str, data_dir: Path, port: int) -> int:
    """Serve, or work for the server that started this process."""
    zhiku.bootstrap.make_catalog = make_hashed_catalog
    settings = Settings(data_dir=data_dir, port=port)
    if command == "worker":
        if HURRY in os.environ:
            zhiku.cli.work.lower_priority = lambda: None
        zhiku.cli.work.run_child_worker(settings)
        return 0
    zhiku.cli.serve.WorkerSupervisor = supervise  # pyright: ignore[reportAttributeAccessIssue]
    return zhiku.cli.serve.run_server(settings, is_sample_wanted=False)


if __name__ == "__main__":
    # The worker is called as `zhiku worker` is: `worker --data-dir <folder>`.
    arguments = sys.argv[1:]
    folder = Path(arguments[arguments.index("--data-dir") + 1])
    sys.exit(main(arguments[0], folder, int(os.environ.get("BENCH_PORT", "0"))))
