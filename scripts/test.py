"""`make test`: all tests, in two processes side by side; one after the other they take twice as long."""

import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
# What starts servers, browsers and killed processes, and what searches for counterexamples: about half of the time.
FIRST = ("clients", "flows", "properties", "unit")
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed|deselected)")


def main() -> int:
    """Run the tests, print both reports whole and one line for both at the end; return the worse exit code."""
    folders = sorted(path.name for path in TESTS.iterdir() if any(path.glob("**/test_*.py")))
    second = [name for name in folders if name not in FIRST]
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
        beside = subprocess.Popen(_pytest(FIRST), stdout=kept, stderr=subprocess.STDOUT)
        print(f"{', '.join(second)}; beside it, to be shown at the end: {', '.join(FIRST)}", flush=True)
        report, code = _run_shown(_pytest(second))
        codes = [code, beside.wait()]
        kept.seek(0)
        other = kept.read()
    print(other, flush=True)
    print(_sum_up([report, other], time.monotonic() - began), flush=True)
    return max(codes)


def _pytest(folders: tuple[str, ...] | list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *(f"tests/{name}" for name in folders)]


def _run_shown(command: list[str]) -> tuple[str, int]:
    """Return what a command printed, after showing each line as it came, and its exit code."""
    shown: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
    ) as process:
        for line in process.stdout or ():
            shown.append(line)
            print(line, end="", flush=True)
    return "".join(shown), process.returncode


def _sum_up(reports: list[str], seconds: float) -> str:
    """Return the last lines of both reports as one."""
    counts: Counter[str] = Counter()
    for report in reports:
        last = report.rstrip().rpartition("\n")[2]
        for number, kind in COUNT.findall(last):
            counts[kind] += int(number)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"{told or 'no tests ran'} in {seconds:.2f}s"


if __name__ == "__main__":
    raise SystemExit(main())
