"""A sweep: a list of runs in a YAML file, best first. What is recorded is skipped, what was begun is resumed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from actret_core.config import config_from_dict, require
from actret_core.distributed import from_first, rank
from actret_core.errors import ActretError, ConfigError
from actret_core.experiments.perform import perform
from actret_core.experiments.record import RunRecord
from actret_core.experiments.run import Place, Run, claimed, resolve_run
from actret_core.training.fit import OutOfTime

SHIPPED = Path(__file__).parent / "sweeps"


@dataclass(frozen=True)
class Row:
    """A row of the list: a run for each of its seeds; the other fields as in `resolve_run`."""

    method: str = "region_net"
    preset: str = ""                   # "": that of the file
    seeds: tuple[int, ...] = (0,)
    variant: str = ""
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    flip_too: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.seeds, tuple) and all(type(seed) is int and seed >= 0 for seed in self.seeds)
        require(whole and len(self.seeds) > 0, "seeds", self.seeds, "a list of whole numbers, such as [0, 1, 2]")
        for name in ("model", "train"):
            value = getattr(self, name)
            require(isinstance(value, Mapping), name, value, "fields of the config, such as {blocks: 4}")

    def runs(self, preset: str) -> list[Run]:
        """Its runs, those of `preset` if it names none."""
        return [
            resolve_run(
                self.method, self.preset or preset, seed, self.variant, self.model, self.train, self.flip_too
            )
            for seed in self.seeds
        ]


@dataclass(frozen=True)
class SweepFile:
    """What the file holds."""

    preset: str = "full"         # of the rows that name none
    runs: tuple[Any, ...] = ()   # the rows, best first

    def __post_init__(self) -> None:
        require(isinstance(self.runs, tuple) and len(self.runs) > 0, "runs", self.runs, "a list with a run or more")


def shipped() -> list[str]:
    """The names of the sweeps that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_sweep(name: str | Path, preset: str | None = None, seed: int | None = None) -> list[Run]:
    """The runs of a file, or of a sweep that comes with the package, in their order.

    `preset` replaces the file's, `seed` all of its seeds. Raises ConfigError, naming the file, its row and the key, for
    one that is unknown or makes no sense, and for two runs of one name.
    """
    path = SHIPPED / f"{name}.yaml" if str(name) in shipped() else Path(name)
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        known = ", ".join(shipped())
        raise ConfigError(f"{path}: not a readable sweep ({error}); name a file, or one of {known}") from None
    runs = _runs(path, values, preset, seed)
    stems = [run.stem for run in runs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ConfigError(f"{path}: {twice[0]} stands twice; give one of them a `variant` of its own, or delete it")
    return runs


def _runs(path: Path, values: Any, preset: str | None, seed: int | None) -> list[Run]:
    place = "the file"
    try:
        sweep, runs = config_from_dict(SweepFile, _mapping(values)), []
        for number, row in enumerate(sweep.runs, 1):
            place = f"run {number}"
            own = _mapping(row) | ({} if seed is None else {"seeds": [seed]})
            runs += config_from_dict(Row, own).runs(preset or sweep.preset)
        return runs
    except (ConfigError, TypeError) as error:  # a word where a number should be
        raise ConfigError(f"{path}, {place}: {error}") from None


def _mapping(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{values!r}: expected keys and values")
    return values


def state(run: Run, place: Place) -> str:
    """"recorded", "begun" or "left"."""
    if place.record(run).exists():
        return "recorded"
    return "begun" if any(place.folder(run).rglob("last.ckpt")) else "left"


def listing(runs: Sequence[Run], place: Place) -> str:
    """A line for each run, in order, and how many are left."""
    states = [state(run, place) for run in runs]
    lines = [f"{found:10}{run.stem}" for run, found in zip(runs, states, strict=True)]
    return "\n".join([*lines, f"{len(runs) - states.count('recorded')} of {len(runs)} runs are left"])


def run_sweep(
    runs: Sequence[Run], place: Place, minutes: float = float("inf"), keep: bool = False,
    perform: Callable[..., RunRecord] = perform,
) -> list[str]:
    """Train and record the runs, best first, with a line for each; several calls at once share them.

    After `minutes` it stops between two epochs, and the same call resumes there. With `keep`, weights stay.
    Returns the names of the runs that failed by an error of ours; the others are trained all the same.
    """
    deadline, failed = time.monotonic() + 60 * minutes, []
    for run in runs:
        if from_first(time.monotonic() >= deadline):
            _say(f"the {minutes:g} minutes are over before {run.stem}; call again to resume")
            break
        try:
            _say(f"{run.stem}: {_attempt(run, place, keep, deadline, perform)}")
        except OutOfTime as stopped:
            _say(f"{run.stem}: the {minutes:g} minutes are over; {stopped}")
            break
        except ActretError as error:
            failed.append(run.stem)
            _say(f"{run.stem}: failed; {error}")
    return failed


def _attempt(run: Run, place: Place, keep: bool, deadline: float, perform: Callable[..., RunRecord]) -> str:
    with claimed(run, place) as mine:
        if not mine:
            return "skipped, another process trains it"
        if from_first(place.record(run).exists()):
            return "recorded already"
        record = perform(run, place, keep, deadline)
        return f"recorded, mAP {record.metrics['mAP']:.1f} after {record.epochs} epochs"


def _say(text: str) -> None:
    if not rank():
        print(text, flush=True)
