"""The commands that train and record one run or a list of runs, in one process or under torchrun."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actret_core.cli import options as o
from actret_core.cli.exits import terminable
from actret_core.cli.parsing import one_of
from actret_core.errors import ActretError, ConfigError

if TYPE_CHECKING:
    from actret_core.experiments.run import Run

app = typer.Typer()


@app.command(
    rich_help_panel="Models",
    epilog="Example: actret train --dataset stanford40 --data FOLDER --weights FILE --preset reduced --seed 1",
)
def train(
    method: o.Method = "region_net",
    preset: Annotated[str, typer.Option(
        rich_help_panel=o.WHAT, **one_of("The setting", *o.PRESETS))] = "cpu",
    features: Annotated[str, typer.Option(
        help="Views of region_net: a person, g whole image, l regions.", rich_help_panel=o.WHAT)] = "agl",
    crop: Annotated[bool, typer.Option(
        "--crop", help="strong_reid sees the anchored person alone.", rich_help_panel=o.WHAT)] = False,
    seed: Annotated[int, typer.Option(help="Of the training.", rich_help_panel=o.WHAT)] = 0,
    dataset: o.Dataset = "playground", data: o.Data = None, proposals: o.Proposals = None, weights: o.Weights = None,
    maps: o.Maps = Path("runs/maps"), runs: o.Runs = Path("runs"), results: o.Results = Path("results"),
    dim: o.Dim = 256,
    once: Annotated[bool, typer.Option(
        "--once", help="Skip a run that is recorded already.", rich_help_panel=o.HOW)] = False,
) -> None:
    """Train the region-aware model or a rival, evaluate it, and record the run; an interrupted run continues."""
    from actret_core.distributed import processes, rank
    from actret_core.experiments.perform import perform_alone
    from actret_core.experiments.run import Place, recorded

    place = Place(dataset, data, proposals, weights, results, runs, maps, dim)
    run = _asked_run(method, preset, seed, features, crop)
    if once and recorded(run, place):
        print(f"{run.stem}: recorded already")
        return
    with processes(), terminable():
        record = perform_alone(run, place)
        if not rank():
            print(json.dumps(record.metrics, indent=2))


def _asked_run(method: str, preset: str, seed: int, features: str, crop: bool) -> "Run":
    """The run that the options describe. Raises ConfigError for an option that the method does not have."""
    from actret_core.experiments.presets import find_preset
    from actret_core.experiments.run import resolve_run

    asked: dict[str, Any] = ({"features": features} if features != "agl" else {}) | ({"crop": True} if crop else {})
    model = find_preset(method, preset).model
    unknown = [name for name in asked if not hasattr(model, name)]
    if unknown:
        raise ConfigError(f"--{unknown[0]} is no option of {method}; leave it out")
    variant = "-".join(filter(None, ("person" * crop, asked.get("features", ""))))
    return resolve_run(method, preset, seed, variant, asked)


@app.command(
    rich_help_panel="Models",
    epilog="Example: actret sweep rivals --dataset stanford40 --data FOLDER --weights FILE --preset reduced",
)
def sweep(
    file: Annotated[str, typer.Argument(
        help="A .yaml file, or a sweep that comes with the package: full, plus, plus_cpu, plus_frozen, rivals.")],
    preset: Annotated[str | None, typer.Option(
        rich_help_panel=o.WHAT, **one_of("The setting, in place of the file's", *o.PRESETS))] = None,
    seed: Annotated[int | None, typer.Option(
        help="In place of all seeds of the file.", rich_help_panel=o.WHAT)] = None,
    dataset: o.Dataset = "playground", data: o.Data = None, proposals: o.Proposals = None, weights: o.Weights = None,
    maps: o.Maps = Path("runs/maps"), runs: o.Runs = Path("runs"), results: o.Results = Path("results"),
    dim: o.Dim = 256,
    minutes: Annotated[float, typer.Option(
        help="Stop between two epochs after this time.", show_default="no limit", rich_help_panel=o.HOW,
    )] = float("inf"),
    keep_weights: Annotated[bool, typer.Option(
        "--keep-weights", help="Keep the weights below --runs: 200 MB and more a run.", rich_help_panel=o.HOW)] = False,
    list_: Annotated[bool, typer.Option(
        "--list", help="List the runs, recorded, begun or left, and train nothing.", rich_help_panel=o.HOW)] = False,
) -> None:
    """Train and record a list of runs, best first; called again, it continues."""
    from actret_core.distributed import processes, rank
    from actret_core.experiments.run import Place
    from actret_core.experiments.sweep import listing, obstacles, read_sweep, run_sweep

    asked, place = read_sweep(file, preset, seed), Place(dataset, data, proposals, weights, results, runs, maps, dim)
    if list_:
        print(listing(asked, place, obstacles(asked, place) if data else {}))
        return
    with processes(), terminable():
        failed = run_sweep(asked, place, minutes, keep_weights)
        if not rank():
            print(listing(asked, place).splitlines()[-1])
    if failed:
        raise ActretError(f"failed: {', '.join(failed)}; the lines above say why")
