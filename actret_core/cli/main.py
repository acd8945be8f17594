"""The command line, and the commands that prepare data and backbones.

Modules that import torch are imported within a command, so that help and completion appear at once.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from actret_core import __version__
from actret_core.cli import benchmark, options as o, runs, text
from actret_core.cli.exits import run
from actret_core.cli.parsing import Commands, ListCommand, one_of

app = typer.Typer(name="actret", cls=Commands, pretty_exceptions_enable=False)
app.add_typer(runs.app)
app.add_typer(text.app, name="text", rich_help_panel="Models")
app.add_typer(benchmark.app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; returns if all is well, and otherwise ends as `exits.run` says."""
    run(app, "actret", arguments)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"actret {__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[bool, typer.Option(
        "--version", help="Show the version and exit.", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Image-based human action retrieval: find the photographs in which somebody does the same.

    Every step of the book, for a shell. `actret COMMAND --help` explains a command and shows an example.
    """


@app.command(rich_help_panel="Data", epilog="Example: actret download stanford40 --to data/stanford40")
def download(
    dataset: Annotated[str, typer.Argument(**one_of("The data set", *o.PHOTOGRAPHS) | {"metavar": "DATASET"})],
    to: Annotated[Path, typer.Option(help="Its folder.", rich_help_panel=o.WHERE)],
) -> None:
    """Fetch a data set from its official site; called again, it continues."""
    from actret_core.data.readers import download as site

    {"stanford40": site.fetch_stanford40, "voc2012": site.fetch_voc2012}[dataset](to)


@app.command(rich_help_panel="Data", epilog="Example: actret playground --to data/playground --images 300")
def playground(
    to: Annotated[Path, typer.Option(help="Its folder.", rich_help_panel=o.WHERE)],
    images: Annotated[int, typer.Option(help="Pictures to draw.", rich_help_panel=o.WHAT)] = 1500,
    seed: Annotated[int, typer.Option(help="Of the pictures.", rich_help_panel=o.WHAT)] = 0,
) -> None:
    """Draw the embedded data set: scenes of twelve actions, with their proposals."""
    from actret_core.data.playground import write_playground

    print(write_playground(to, seed, images))


@app.command(rich_help_panel="Data", epilog="Example: actret detect --dataset stanford40 --data data/stanford40")
def detect(dataset: o.Dataset = "playground", data: o.Data = None, proposals: o.Proposals = None) -> None:
    """Write proposals, the boxes from which regions are chosen, by Faster R-CNN."""
    from actret_core.data.readers.registry import dataset_info
    from actret_core.experiments.action_data import find_root
    from actret_core.regions import detector

    info, root = dataset_info(dataset), find_root(dataset, data)
    sizes = {s.image: s.size for name in (info.train, info.evaluation) for s in info.read(root, name).samples}
    out = proposals or root / info.proposals
    print(detector.detect(detector.load_detector(), sorted(sizes), out, sizes=sizes))


@app.command(
    cls=ListCommand, rich_help_panel="Models", epilog="Example: actret pretext --out small.safetensors --epochs 12"
)
def pretext(
    *,
    seed: Annotated[int, typer.Option(help="Of the pictures and of the training.", rich_help_panel=o.WHAT)] = 1,
    images: Annotated[int, typer.Option(help="Pictures to draw.", rich_help_panel=o.WHAT)] = 6000,
    without: Annotated[list[str], typer.Option(
        help="Leave out pictures that show these actions (drinking, or drinking@beach).", metavar="ACTION ...",
        rich_help_panel=o.WHAT)] = [],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.", rich_help_panel=o.WHERE)],
    epochs: Annotated[int, typer.Option(help="Passes over the pictures.", rich_help_panel=o.HOW)] = 12,
) -> None:
    """Train the playground's small backbone on pictures of another seed."""
    from dataclasses import replace

    from actret_core.experiments.action_data import find_root
    from actret_core.experiments.presets import PRETEXT
    from actret_core.experiments.train import pretrain_small
    from actret_core.models.weights import save_small_backbone

    root = find_root("playground", seed=seed, images=images)
    train = replace(PRETEXT, seed=seed, epochs=epochs)
    folder = Path("runs") / "playground" / _pretext_name(seed, without)
    save_small_backbone(out, pretrain_small(root, seed, train, folder, without=without).backbone)


def _pretext_name(seed: int, without: list[str]) -> str:
    """The name of the folder of checkpoints; it differs for other pictures, so that no run resumes another."""
    left_out = hashlib.sha256(" ".join(sorted(without)).encode()).hexdigest()[:8]
    return f"pretext-without-{left_out}-seed{seed}" if without else f"pretext-seed{seed}"


@app.command(
    rich_help_panel="Models",
    epilog="Example: actret tokens --dataset stanford40 --data FOLDER --weights FILE --out tokens.npz",
)
def tokens(
    *,
    dataset: o.Dataset = "playground", data: o.Data = None, proposals: o.Proposals = None,
    weights: Annotated[str, typer.Option(
        help="Backbone: a .safetensors file or a torchvision name.", rich_help_panel=o.WHERE)],
    out: Annotated[Path, typer.Option(help="The .npz file to write.", rich_help_panel=o.WHERE)],
    dim: Annotated[int, typer.Option(help="Numbers of a token, by a PCA.", rich_help_panel=o.HOW)] = 96,
) -> None:
    """Compute the region tokens of a frozen backbone, for both splits."""
    from actret_core.experiments.action_data import load_data
    from actret_core.experiments.presets import CPU
    from actret_core.experiments.train import configure
    from actret_core.models.region_net import RegionNet
    from actret_core.models.weights import load_backbone
    from actret_core.training.tokens import extract_tokens

    loaded = load_data(dataset, data, CPU.model, proposals)
    model = RegionNet(configure(CPU, loaded, weights, 0).model)
    load_backbone(model.backbone, weights)
    splits = {"train": loaded.train, "evaluation": loaded.evaluation}
    parts = {name: loaded.dataset(split, model.config) for name, split in splits.items()}
    extract_tokens(model, parts, dim).save(out)
