"""The book's steps for a shell: download, playground, pretext, detect, train, sweep, tokens, text; the benchmark's."""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actret_core.cli.benchmark import add_benchmark_commands
from actret_core.cli.runs import add_run_commands, data_options
from actret_core.cli.text import add_text_commands
from actret_core.data.playground import write_playground
from actret_core.data.readers.download import fetch_stanford40, fetch_voc2012
from actret_core.data.readers.registry import dataset_info
from actret_core.errors import ActretError
from actret_core.experiments.action_data import ActionData, find_root, load_data
from actret_core.experiments.presets import CPU, PRETEXT, PRETEXT_IMAGES
from actret_core.experiments.train import configure, pretrain_small
from actret_core.models.region_net import RegionNet
from actret_core.models.weights import load_backbone, save_small_backbone
from actret_core.regions.detector import detect, load_detector
from actret_core.training.tokens import extract_tokens


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
    add_benchmark_commands(commands)
    return top


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
    data = _load(options, CPU.model)
    model = RegionNet(configure(CPU, data, options.weights, 0).model)
    load_backbone(model.backbone, options.weights)
    parts = {"train": data.dataset(data.train, model.config), "evaluation": data.dataset(data.evaluation, model.config)}
    extract_tokens(model, parts, options.dim).save(options.out)


def _load(options: argparse.Namespace, config: object) -> ActionData:
    return load_data(options.dataset, options.data, config, options.proposals)
