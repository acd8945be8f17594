"""`python -m benchmarks`: time re-ranking, evaluation, search and training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from actret_core.cli.exits import run
from actret_core.cli.parsing import one_of
from benchmarks.run import run_suite
from benchmarks.suites import SUITES
from benchmarks.table import table

RECORDED = Path("results/stanford40/embeddings/region_net-cpu-seed0.npz")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog="Example: python -m benchmarks throughput --quick")
def measure(
    suite: Annotated[str, typer.Argument(**one_of("What to measure", *SUITES, "all") | {"metavar": "SUITE"})] = "all",
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes, to see that it runs.")] = False,
    embeddings: Annotated[Path, typer.Option(help="The vectors are drawn around these.")] = RECORDED,
    out: Annotated[Path, typer.Option(help="Folder of the records.")] = Path("results/bench"),
    work: Annotated[Path, typer.Option(help="Folder of the vectors, 1.5 GB.")] = Path("_build/bench"),
) -> None:
    """Time re-ranking, evaluation, search and training, and print the tables; called again, it continues."""
    names = SUITES if suite == "all" else [suite]
    records = [run_suite(name, embeddings, out, work, quick) for name in names]
    for record in records:
        print(f"\n{record['suite']}, {record['cpu']}, {record['threads']} threads\n\n{table(record)}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure; returns if all is well, and otherwise ends as `exits.run` says."""
    run(app, "python -m benchmarks", arguments)


if __name__ == "__main__":
    main()
