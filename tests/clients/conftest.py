"""The environment with the published clients, and one server that all of them talk to."""

import fcntl
import shutil
from collections.abc import Iterator

import pytest

from tests.clients.environment import Installed, digest, install, places_in
from tests.embedding_server import EmbeddingServer
from tests.server_process import ServerProcess


@pytest.fixture(scope="session")
def installed(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The clients, kept in pytest's cache until a lock changes; leaves the tests out where they cannot be got."""
    cache = pytestconfig.cache
    kept = cache.mkdir("published-clients") if cache else tmp_path_factory.mktemp("clients")
    folder = kept / digest(kept)
    with (kept / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for older in [path for path in kept.iterdir() if path.is_dir()]:
                shutil.rmtree(older)
            install(folder)
            (folder / "complete").touch()
    return places_in(folder)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server process with a model that costs no time."""
    with EmbeddingServer() as provider:
        data_dir = tmp_path_factory.mktemp("server") / "data"
        process = ServerProcess(data_dir, ZHIKU_EMBEDDINGS_URL=provider.url, ZHIKU_EMBEDDINGS_MODEL="words")
        process.start()
        try:
            process.wait_healthy()
            yield process
            assert process.stop() == 0
        finally:
            process.kill()
