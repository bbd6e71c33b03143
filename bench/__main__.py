"""`python -m bench`: measure some or all parts, print the figures and write RESULTS.md."""

import argparse
import sys
from collections.abc import Callable

from bench.during import measure_during
from bench.extract import measure_extract
from bench.figures import PARTS, Figure, keep, table, write_results
from bench.ingest import measure_ingest
from bench.model import measure_model
from bench.retrieve import measure_retrieve
from bench.start import measure_memory, measure_start

SIZES = (10_000, 100_000)


def main() -> None:
    """Run the parts that the command line names, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; everything by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="segments to search")
    parser.add_argument("--rounds", type=int, default=5, help="how often both servers are measured in turns")
    options = parser.parse_args()
    for part in options.parts or PARTS:
        figures = _measure(part, options)
        keep(part, figures)
        print("\n".join(["", PARTS[part], *table(figures)]), flush=True)
        write_results()


def _measure(part: str, options: argparse.Namespace) -> list[Figure]:
    print(f"[bench] {part}", file=sys.stderr, flush=True)
    smallest = min(options.sizes)
    parts: dict[str, Callable[[], list[Figure]]] = {
        "start": lambda: measure_start(smallest),
        "memory": lambda: measure_memory(smallest),
        "retrieve": lambda: measure_retrieve(options.sizes, options.rounds),
        "ingest": measure_ingest,
        "model": measure_model,
        "extract": measure_extract,
        "during": lambda: measure_during(smallest),
    }
    return parts[part]()


if __name__ == "__main__":
    main()
