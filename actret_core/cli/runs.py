"""The commands that train and record: one run, or a list of them; alone, or under torchrun."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actret_core.data.readers.registry import DATASETS
from actret_core.errors import ActretError, ConfigError
from actret_core.models.methods import METHODS
from actret_core.distributed import processes, rank
from actret_core.experiments.presets import find_preset, presets_of
from actret_core.experiments.perform import perform_alone
from actret_core.experiments.run import Place, Run, resolve_run
from actret_core.experiments.sweep import listing, run_sweep
from actret_core.experiments.sweep import read_sweep, shipped

NAMES = sorted(presets_of("region_net"))


def data_options(command: argparse.ArgumentParser) -> None:
    """Which data set, and where it is."""
    command.add_argument("--dataset", choices=DATASETS, default="playground")
    command.add_argument("--data", type=Path, help="its folder")
    command.add_argument("--proposals", type=Path, help="COCO results file; default: the one beside the data")


def add_run_commands(commands: argparse._SubParsersAction) -> None:
    """The commands `train` and `sweep`."""
    train = commands.add_parser("train", help="train the region-aware model or a rival, and record the run")
    _place_options(train)
    train.add_argument("--method", choices=METHODS, default="region_net")
    train.add_argument("--preset", choices=NAMES, default="cpu")
    train.add_argument("--features", default="agl", help="views of region_net: a person, g global, l regions")
    train.add_argument("--crop", action="store_true", help="strong_reid sees the anchored person alone")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--once", action="store_true", help="leave a run alone that is recorded already")
    train.set_defaults(run=run_train)
    sweep = commands.add_parser("sweep", help="train and record a list of runs, best first; called again, it goes on")
    sweep.add_argument("file", help=f"a .yaml file, or one of {', '.join(shipped())}")
    _place_options(sweep)
    sweep.add_argument("--preset", choices=NAMES, help="in place of the file's")
    sweep.add_argument("--seed", type=int, help="in place of all seeds of the file")
    sweep.add_argument("--minutes", type=float, default=float("inf"), help="stop between two epochs after so many")
    sweep.add_argument("--keep-weights", action="store_true", help="200 MB and more a run, in its folder below --runs")
    sweep.add_argument("--list", action="store_true", help="say what is recorded, begun and left, and train nothing")
    sweep.set_defaults(run=run_list)


def _place_options(command: argparse.ArgumentParser) -> None:
    data_options(command)
    command.add_argument("--weights", help="backbone: .safetensors file or torchvision name; none: from scratch")
    command.add_argument("--maps", type=Path, default=Place.maps, help="folder of cached maps, for reduced: 8 GB")
    command.add_argument("--runs", type=Path, default=Place.runs, help="folder of checkpoints and logs")
    command.add_argument("--results", type=Path, default=Place.results)
    command.add_argument("--dim", type=int, default=Place.dim, help="of the recorded test embeddings, by a PCA")


def _place(o: argparse.Namespace) -> Place:
    return Place(o.dataset, o.data, o.proposals, o.weights, o.results, o.runs, o.maps, o.dim)


@contextmanager
def terminable() -> Iterator[None]:
    """A clear word on SIGTERM, by which a lease ends: the process stops, and nothing that is on disk is lost."""
    def stop(*_: object) -> None:
        sys.exit("actret_core: told to stop; call again to go on after the last whole epoch")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_train(options: argparse.Namespace) -> None:
    """Train, evaluate, record; the checkpoints stay below `--runs`, from where an interrupted run goes on."""
    run, place = _asked_run(options), _place(options)
    if options.once and place.record(run).exists():
        print(f"{run.stem}: recorded already")
        return
    with processes(), terminable():
        record = perform_alone(run, place)
        if not rank():
            print(json.dumps(record.metrics, indent=2))


def _asked_run(options: argparse.Namespace) -> Run:
    asked = {"features": options.features} if options.features != "agl" else {}
    asked |= {"crop": True} if options.crop else {}
    model = find_preset(options.method, options.preset).model
    unknown = [name for name in asked if not hasattr(model, name)]
    if unknown:
        raise ConfigError(f"--{unknown[0]} is no option of {options.method}; leave it out")
    variant = "-".join(filter(None, ("person" * options.crop, asked.get("features", ""))))
    return resolve_run(options.method, options.preset, options.seed, variant, asked)


def run_list(options: argparse.Namespace) -> None:
    """Work through the runs of a sweep, or list them. Raises ActretError, naming them, if some have failed."""
    runs, place = read_sweep(options.file, options.preset, options.seed), _place(options)
    if options.list:
        print(listing(runs, place))
        return
    with processes(), terminable():
        failed = run_sweep(runs, place, options.minutes, options.keep_weights)
        if not rank():
            print(listing(runs, place).splitlines()[-1])
    if failed:
        raise ActretError(f"failed: {', '.join(failed)}; the lines above say why")
