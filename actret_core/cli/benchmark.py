"""The commands of the benchmark: `evaluate` scores anybody's embeddings, `protocol` writes a protocol's file."""

from pathlib import Path
from typing import Annotated

import typer

from actret_core.cli import options as o
from actret_core.cli.parsing import one_of

VARIANTS = ("concatenated", "single")

app = typer.Typer()


@app.command(
    rich_help_panel="Benchmark",
    epilog="Example: actret evaluate mine.npz --dataset stanford40 "
           "--against results/stanford40/region_net-cpu-seed0.json",
)
def evaluate(
    embeddings: Annotated[Path, typer.Argument(help="An .npz with features (N x D) and ids (N).")],
    dataset: o.Protocol,
    name: Annotated[str | None, typer.Option(
        help="Of the method, in the row. Default: the file's.", rich_help_panel=o.WHAT)] = None,
    against: Annotated[Path | None, typer.Option(
        help="A recorded run to test against: results/<data set>/<run>.json.", rich_help_panel=o.WHAT)] = None,
    no_rerank: Annotated[bool, typer.Option(
        "--no-rerank", help="Leave the re-ranked scores out.", rich_help_panel=o.HOW)] = False,
    k1: Annotated[int, typer.Option(help="Neighbors that two items may share.", rich_help_panel=o.HOW)] = 200,
    k2: Annotated[int, typer.Option(help="Neighbors over which an item is averaged.", rich_help_panel=o.HOW)] = 20,
    lambda_: Annotated[float, typer.Option(
        "--lambda", help="Weight of the original distance, 0 to 1.", rich_help_panel=o.HOW)] = 0.3,
    variant: Annotated[str, typer.Option(
        rich_help_panel=o.HOW, **one_of("Whether an item stands twice or once", *VARIANTS))] = "concatenated",
) -> None:
    """Score anybody's embeddings as a row of Table 1, with a paired test against a recorded run."""
    from actret_core.experiments.benchmark import (
        HEADER, Reranking, compare, describe, read_run, read_submission, score, table_row,
    )
    from actret_core.retrieval.protocol import load_protocol

    protocol, reranking = load_protocol(dataset), None if no_rerank else Reranking(k1, k2, lambda_, variant)
    theirs, recorded = read_submission(embeddings, protocol), against and read_run(against, protocol)
    scores = score(theirs, reranking)
    print(HEADER, table_row(name or embeddings.stem, scores), sep="\n")
    print(f"\n{describe(protocol, scores, reranking)}")
    for line in compare(scores, score(recorded, reranking)) if recorded else ():
        print(f"Against {against.stem}: {line}")


@app.command(
    rich_help_panel="Benchmark", epilog="Example: actret protocol --dataset voc2012 --data path/to/VOC2012"
)
def protocol(
    dataset: o.Protocol,
    data: Annotated[Path, typer.Option(
        help="Folder of the data set; for voc2012 the annotations suffice.", rich_help_panel=o.WHERE)],
    out: Annotated[Path | None, typer.Option(
        help="The .json.gz file to write. Default: its own name, here.", rich_help_panel=o.WHERE)] = None,
) -> None:
    """Write a data set's protocol from its official files, and say whether it is the package's."""
    from actret_core.experiments.benchmark import build_protocol
    from actret_core.retrieval.protocol import load_protocol

    built = build_protocol(dataset, data)
    file = out or Path(built.file_name)
    built.write(file)
    same = "the same as" if built == load_protocol(dataset) else "NOT the same as"
    print(f"{file}: {len(built.ids)} samples, {same} the protocol that comes with actret_core")
