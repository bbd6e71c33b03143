"""Build .venv from a lock file: the interpreter that runs this becomes the environment's own.

Called by make as `setup.py run` (what the server needs) or `setup.py dev` (that, and what tests and checks need).
Uses nothing but the standard library. A stamp holds a digest of what was installed, so a second call costs nothing.
"""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}
# A dev environment holds everything that a run environment does, at the same versions.
COVERS = {"run": ["run"], "dev": ["run", "dev"]}

# A line of pip's for a package of the lock: to be fetched, there already, or not for this platform.
MET = re.compile(
    r"(?P<verb>Collecting|Requirement already satisfied:|Ignoring) (?P<name>[^\s=:]+)(?:==(?P<version>[^\s:]+))?"
)


def main(kind: str) -> int:
    """Return 0 when .venv holds what the lock of `kind` names and zhiku itself."""
    if is_installed(kind):
        write_stamps(kind)
        return 0
    try:
        make_environment()
        install_lock(ROOT / LOCKS[kind])
        install_project()
        compile_bytecode()
    except subprocess.CalledProcessError as error:
        say(f"setup failed: pip ended with status {error.returncode}; what it said is above.")
        return 1
    write_stamps(kind)
    say(f"done: {VENV.name}/bin/zhiku is ready")
    return 0


def digest(kind: str) -> str:
    """Return a digest of everything that decides what `kind` installs."""
    seen = hashlib.sha256(sys.version.encode() + str(VENV).encode())
    seen.update((ROOT / LOCKS[kind]).read_bytes())
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    seen.update(repr([about["project"], about["build-system"], about["tool"]["hatch"]]).encode())
    return seen.hexdigest()


def stamp(kind: str) -> Path:
    return VENV / f".installed-{kind}"


def is_installed(kind: str) -> bool:
    return stamp(kind).exists() and stamp(kind).read_text() == digest(kind) and (VENV / "bin" / "zhiku").exists()


def write_stamps(kind: str) -> None:
    for covered in COVERS[kind]:
        stamp(covered).write_text(digest(covered))


def make_environment() -> None:
    """Make .venv, anew when it is broken, was moved or belongs to another Python."""
    python = VENV / "bin" / "python"
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    probe = "import sys; print('{}.{}'.format(*sys.version_info), sys.prefix)"
    if python.exists():
        found = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=False).stdout.strip()
        if found == f"{wanted} {VENV}":
            return
        shutil.rmtree(VENV)
    say(f"1/3 making {VENV.name} with Python {sys.version.split()[0]}")
    # Debian ships Python without ensurepip; there the pip outside installs into the new environment.
    venv.create(VENV, with_pip=has_module("ensurepip"), clear=VENV.exists())


def pip() -> list[str]:
    inside = VENV / "bin" / "python"
    if subprocess.run([inside, "-c", "import pip"], capture_output=True, check=False).returncode == 0:
        return [str(inside), "-m", "pip"]
    if has_module("pip"):
        return [sys.executable, "-m", "pip", "--python", str(inside)]
    sys.exit(
        f"{sys.executable} has neither ensurepip nor pip, so nothing can be installed.\n"
        "On Debian and Ubuntu: apt-get install python3-venv. Elsewhere: install pip for this Python."
    )


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def install_lock(lock: Path) -> None:
    """Install exactly what `lock` names, each file checked against its hash, a line a package."""
    command = [
        *pip(),
        "install",
        "--require-hashes",
        "--no-deps",
        "--no-compile",
        "--only-binary",
        ":all:",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--requirement", str(lock)]
    total = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    say(f"2/3 installing {total} packages from {lock.name}, hashes checked")
    said: list[str] = []
    count = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or []:
            said.append(line)
            met = MET.match(line)
            count += met is not None
            if met and met["verb"] == "Collecting":
                say(f"    {count:>3}/{total} {met['name']} {met['version'] or ''}".rstrip())
            elif line.startswith("Installing collected"):
                say("    all there; unpacking")
    if process.returncode:
        say("".join(said[-30:]))
        raise subprocess.CalledProcessError(process.returncode, command)


def install_project() -> None:
    """Put zhiku itself into .venv, as a link to src; needs no network."""
    say("3/3 installing zhiku")
    command = [*pip(), "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-input"]
    subprocess.run([*command, "--disable-pip-version-check", "--editable", str(ROOT)], check=True)


def compile_bytecode() -> None:
    """Compile what pip unpacked, on all cores: pip does it on one, and a first start should not have to."""
    inside = str(VENV / "bin" / "python")
    subprocess.run(
        [inside, "-m", "compileall", "-qq", "-j", "0", str(VENV / "lib"), str(ROOT / "src")],
        capture_output=True,
        check=False,
    )


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
