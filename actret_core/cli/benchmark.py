"""The commands of the benchmark: `evaluate` scores anybody's embeddings, `protocol` writes the rules."""

import argparse
from pathlib import Path

from actret_core.experiments.benchmark import (
    HEADER, Reranking, build_protocol, compare, describe, read_run, read_submission, score, table_row,
)
from actret_core.retrieval.protocol import VERSIONS, load_protocol


def add_benchmark_commands(commands: argparse._SubParsersAction) -> None:
    """The commands `evaluate` and `protocol`."""
    entry = commands.add_parser("evaluate", help="score anybody's embeddings as a row of Table 1")
    entry.add_argument("embeddings", type=Path, help="an .npz with features [N, D] and ids [N]")
    entry.add_argument("--dataset", choices=VERSIONS, required=True)
    entry.add_argument("--name", help="of the method; default: the file's")
    entry.add_argument("--against", type=Path, help="a recorded run to test against: results/<data set>/<run>.json")
    entry.add_argument("--no-rerank", action="store_true", help="leave the re-ranked scores out")
    entry.add_argument("--k1", type=int, default=Reranking.k1)
    entry.add_argument("--k2", type=int, default=Reranking.k2)
    entry.add_argument("--lambda", type=float, default=Reranking.lambda_, dest="lambda_")
    entry.add_argument("--variant", choices=["concatenated", "single"], default=Reranking.variant)
    entry.set_defaults(run=run_evaluate)
    protocol = commands.add_parser("protocol", help="write a data set's protocol from its official files")
    protocol.add_argument("--dataset", choices=VERSIONS, required=True)
    protocol.add_argument("--data", type=Path, required=True, help="its folder; for voc2012 the annotations suffice")
    protocol.add_argument("--out", type=Path, help="a .json.gz; default: its own name, here")
    protocol.set_defaults(run=run_protocol)


def run_evaluate(options: argparse.Namespace) -> None:
    """Print the row, what it was measured on, and the paired tests against a recorded run."""
    protocol = load_protocol(options.dataset)
    how = None if options.no_rerank else Reranking(options.k1, options.k2, options.lambda_, options.variant)
    theirs = read_submission(options.embeddings, protocol)
    recorded = options.against and read_run(options.against, protocol)
    scores = score(theirs, how)
    print(HEADER, table_row(options.name or options.embeddings.stem, scores), sep="\n")
    print(f"\n{describe(protocol, scores, how)}")
    for line in compare(scores, score(recorded, how)) if recorded else ():
        print(f"Against {options.against.stem}: {line}")


def run_protocol(options: argparse.Namespace) -> None:
    """Write the protocol, and say whether it is the one that comes with the package."""
    protocol = build_protocol(options.dataset, options.data)
    out = options.out or Path(protocol.file_name)
    protocol.write(out)
    same = "the same as" if protocol == load_protocol(options.dataset) else "NOT the same as"
    print(f"{out}: {len(protocol.ids)} samples, {same} the protocol that comes with actret_core")
