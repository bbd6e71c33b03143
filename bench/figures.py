"""What a run found out: figures with their targets, kept between runs and written to RESULTS.md."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.corpus import TMP

RESULTS = Path(__file__).parent / "RESULTS.md"
KEPT = TMP / "figures.json"
PARTS = {
    "start": "From the command to the first answer",
    "memory": "Memory of the whole process tree",
    "retrieve": "Retrieve, ten hits, Zhiku and the bare server in turns",
    "ingest": "Ingestion from create-by-text to searchable, without the model's cost",
    "model": "The built-in model",
    "extract": "Extraction by kind of file, MB of text for a second of computing, Zhiku and the bare library in turns",
    "during": "Retrieve while a bulk ingestion runs",
}
LIBRARIES = ("qdrant-edge-py", "uvicorn", "starlette", "sqlalchemy", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Figure:
    """One measured thing. `value` is Zhiku's, `reference` the bare server's; `is_met` is None without a target."""

    name: str
    value: str
    reference: str = ""
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None


def at_most(name: str, value: float, bound: float, unit: str) -> Figure:
    """Return a figure that should not be above a bound."""
    return Figure(name, f"{show(value)} {unit}", target=f"≤ {show(bound)} {unit}", is_met=value <= bound)


def at_least(name: str, value: float, bound: float, unit: str) -> Figure:
    """Return a figure that should not be below a bound."""
    return Figure(name, f"{show(value)} {unit}", target=f"≥ {show(bound)} {unit}", is_met=value >= bound)


def show(value: float) -> str:
    """Return a number with as many digits as mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def keep(part: str, figures: Sequence[Figure]) -> None:
    """Keep what a part found, in the place of what it found before."""
    parts = _kept()
    parts[part] = {
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": round(os.getloadavg()[0], 1),
        "figures": [asdict(figure) for figure in figures],
    }
    TMP.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(parts, indent=1), encoding="utf-8")


def table(figures: Sequence[Figure]) -> list[str]:
    """Return figures as lines of a Markdown table."""
    lines = ["| | Zhiku | bare | ratio | target | |", "|---|---|---|---|---|---|"]
    for each in figures:
        mark = {True: "met", False: "**missed**", None: ""}[each.is_met]
        lines.append(f"| {each.name} | {each.value} | {each.reference} | {each.ratio} | {each.target} | {mark} |")
    return lines


def write_results() -> None:
    """Write RESULTS.md from what is kept."""
    lines = [
        "# Measured",
        "",
        "Written by `make bench`; do not edit. The bare server is the reference of the same run: HTTP, JSON, the same",
        "embedding call and Edge, with no truth beside it and no checks (bench/bare.py). The embedding model of all",
        "figures but the built-in model's costs microseconds (bench/embedder.py). Servers are measured in turns, and a",
        "ratio is the median of the rounds' ratios, so that what else the machine does falls on both.",
        "",
        *_machine(),
    ]
    for part, kept in sorted(_kept().items(), key=lambda item: list(PARTS).index(item[0])):
        figures = [Figure(**each) for each in kept["figures"]]
        lines += ["", f"## {PARTS[part]}", "", f"{kept['at']}, load average {kept['load']}.", "", *table(figures)]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _kept() -> dict[str, Any]:
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}


def _machine() -> list[str]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f" {flag}" in info]
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    system = f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    processor = f"{os.cpu_count()} cores of {model} ({' '.join(flags)})"
    return [f"Machine: {processor}, {memory_gib:.0f} GiB, {system}.", f"Libraries: {libraries}."]
