"""`python -m benchmarks`: time re-ranking, evaluation, search and training; called again, it continues."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from actret_core.errors import ActretError
from benchmarks.run import run_suite
from benchmarks.suites import SUITES
from benchmarks.table import table

RECORDED = Path("results/stanford40/embeddings/region_net-cpu-seed0.npz")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the tables; an error of ours is one line, with status 1."""
    command = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    command.add_argument("suite", nargs="?", choices=[*SUITES, "all"], default="all")
    command.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    command.add_argument("--embeddings", type=Path, default=RECORDED, help="draw the vectors around these")
    command.add_argument("--out", type=Path, default=Path("results/bench"), help="folder of the records")
    command.add_argument("--work", type=Path, default=Path("_build/bench"), help="folder of the vectors, 1.5 GB")
    options = command.parse_args(arguments)
    names = SUITES if options.suite == "all" else [options.suite]
    try:
        records = [run_suite(name, options.embeddings, options.out, options.work, options.quick) for name in names]
    except ActretError as error:
        sys.exit(f"benchmarks: {error}")
    for record in records:
        print(f"\n{record['suite']}, {record['cpu']}, {record['threads']} threads\n\n{table(record)}")


if __name__ == "__main__":
    main()
