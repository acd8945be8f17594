"""The book's steps for a shell: download, playground, pretext, detect, train, sweep, tokens, text; the benchmark's."""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actret_core.action_data import ActionData, find_root, load_data
from actret_core.bench.run import run_suite
from actret_core.bench.suites import SUITES
from actret_core.bench.table import table
from actret_core.cli_runs import add_run_commands, data_options
from actret_core.data.download import fetch_stanford40, fetch_voc2012
from actret_core.data.playground import write_playground
from actret_core.data.registry import dataset_info
from actret_core.errors import ActretError
from actret_core.experiment import configure, pretrain_small
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone, save_small_backbone
from actret_core.presets import PRESETS, PRETEXT, PRETEXT_IMAGES
from actret_core.protocol import VERSIONS, load_protocol
from actret_core.protocol_source import build_protocol
from actret_core.regions.detector import detect, load_detector
from actret_core.submission import HEADER, Reranking, compare, describe, read_run, read_submission, score, table_row
from actret_core.text_commands import add_text_commands
from actret_core.training.tokens import extract_tokens

RECORDED = Path("results/stanford40/embeddings/region_net-cpu-seed0.npz")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; an error of ours is printed in one line and ends with status 1."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except ActretError as error:
        sys.exit(f"actret_core: {error}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser("python -m actret_core", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    download = commands.add_parser("download", help="fetch a data set from its official site")
    download.add_argument("dataset", choices=["stanford40", "voc2012"])
    download.add_argument("--to", type=Path, required=True, help="its folder")
    download.set_defaults(run=run_download)
    playground = commands.add_parser("playground", help="draw the embedded data set")
    playground.add_argument("--to", type=Path, required=True, help="its folder")
    playground.add_argument("--images", type=int, default=1500)
    playground.add_argument("--seed", type=int, default=0)
    playground.set_defaults(run=run_playground)
    pretext = commands.add_parser("pretext", help="train the playground's small backbone on pictures of another seed")
    pretext.add_argument("--seed", type=int, default=1, help="of the pictures and of the training")
    pretext.add_argument("--out", type=Path, required=True, help="a .safetensors file")
    pretext.add_argument("--images", type=int, default=PRETEXT_IMAGES, help="pictures to draw")
    pretext.add_argument("--epochs", type=int, default=PRETEXT.epochs)
    left_out = "leave out pictures that show these (drinking, or drinking@beach)"
    pretext.add_argument("--without", nargs="+", default=[], metavar="ACTION", help=left_out)
    pretext.set_defaults(run=run_pretext)
    detector = commands.add_parser("detect", help="write proposals by Faster R-CNN")
    data_options(detector)
    detector.set_defaults(run=run_detect)
    add_run_commands(commands)
    tokens = commands.add_parser("tokens", help="compute the region tokens of a frozen backbone")
    data_options(tokens)
    tokens.add_argument("--weights", required=True, help="backbone: .safetensors file or torchvision name")
    tokens.add_argument("--dim", type=int, default=96)
    tokens.add_argument("--out", type=Path, required=True)
    tokens.set_defaults(run=run_tokens)
    add_text_commands(commands)
    _benchmark_commands(commands)
    return top


def _benchmark_commands(commands: argparse._SubParsersAction) -> None:
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
    bench = commands.add_parser("bench", help="time re-ranking, evaluation, search and training")
    bench.add_argument("suite", nargs="?", choices=[*SUITES, "all"], default="all")
    bench.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    bench.add_argument("--embeddings", type=Path, default=RECORDED, help="draw the vectors around these")
    bench.add_argument("--out", type=Path, default=Path("results/bench"), help="folder of the records")
    bench.add_argument("--work", type=Path, default=Path("_build/bench"), help="folder of the vectors, 1.5 GB")
    bench.set_defaults(run=run_bench)


def run_download(options: argparse.Namespace) -> None:
    """Fetch a data set."""
    {"stanford40": fetch_stanford40, "voc2012": fetch_voc2012}[options.dataset](options.to)


def run_playground(options: argparse.Namespace) -> None:
    """Draw the playground."""
    print(write_playground(options.to, options.seed, options.images))


def run_pretext(options: argparse.Namespace) -> None:
    """Draw a playground of another seed, train on what its whole pictures show, and save the backbone."""
    root = find_root("playground", seed=options.seed, images=options.images)
    train = replace(PRETEXT, seed=options.seed, epochs=options.epochs)
    left_out = hashlib.sha256(" ".join(sorted(options.without)).encode()).hexdigest()[:8] if options.without else ""
    name = "-".join(filter(None, ["pretext", left_out and f"without-{left_out}", f"seed{options.seed}"]))
    model = pretrain_small(root, options.seed, train, Path("runs") / "playground" / name, without=options.without)
    save_small_backbone(options.out, model.backbone)


def run_detect(options: argparse.Namespace) -> None:
    """Run Faster R-CNN over all images of both splits."""
    info, root = dataset_info(options.dataset), find_root(options.dataset, options.data)
    images = {s.image for name in (info.train, info.evaluation) for s in info.read(root, name).samples}
    print(detect(load_detector(), sorted(images), options.proposals or root / info.proposals))


def run_tokens(options: argparse.Namespace) -> None:
    """Extract and compress the region tokens of both splits."""
    data = _load(options, PRESETS["cpu"].model)
    model = RegionNet(configure(PRESETS["cpu"], data, options.weights, 0).model)
    load_backbone(model.backbone, options.weights)
    parts = {"train": data.dataset(data.train, model.config), "evaluation": data.dataset(data.evaluation, model.config)}
    extract_tokens(model, parts, options.dim).save(options.out)


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


def run_bench(options: argparse.Namespace) -> None:
    """Measure, and print the tables; an interrupted run goes on when it is called again."""
    names = SUITES if options.suite == "all" else [options.suite]
    records = [run_suite(name, options.embeddings, options.out, options.work, options.quick) for name in names]
    for record in records:
        print(f"\n{record['suite']}, {record['cpu']}, {record['threads']} threads\n\n{table(record)}")


def _load(options: argparse.Namespace, config: object) -> ActionData:
    return load_data(options.dataset, options.data, config, options.proposals)
