"""Work through a list of runs: what is recorded is skipped, what was begun goes on, and nothing is lost."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from actret_core.config import config_from_dict, require
from actret_core.distributed import from_first, rank
from actret_core.errors import ActretError, ConfigError
from actret_core.experiments.run import Place, Run, claim, perform
from actret_core.training.fit import OutOfTime


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


def run_sweep(runs: Sequence[Run], place: Place, minutes: float = float("inf"), keep: bool = False) -> list[str]:
    """Train and record the runs, best first, each with a word; several calls at once share them.

    After `minutes` it stops between two epochs, and the same call goes on from there. With `keep`, weights stay.
    Returns the names of the runs that failed by an error of ours; the others are not held up by them.
    """
    deadline, failed = time.monotonic() + 60 * minutes, []
    for run in runs:
        if from_first(time.monotonic() >= deadline):
            _say(f"the {minutes:g} minutes are over before {run.stem}; call again to go on")
            break
        try:
            _say(f"{run.stem}: {_attempt(run, place, deadline, keep)}")
        except OutOfTime as stopped:
            _say(f"{run.stem}: the {minutes:g} minutes are over; {stopped}")
            break
        except ActretError as error:
            failed.append(run.stem)
            _say(f"{run.stem}: failed; {error}")
    return failed


def _attempt(run: Run, place: Place, deadline: float, keep: bool) -> str:
    with claim(run, place) as mine:
        if not mine:
            return "left alone, another process trains it"
        if from_first(place.record(run).exists()):
            return "recorded already"
        record = perform(run, place, keep, deadline)
        return f"recorded, mAP {record.metrics['mAP']:.1f} after {record.epochs} epochs"


def _say(text: str) -> None:
    if not rank():
        print(text, flush=True)


SHIPPED = Path(__file__).parent / "sweeps"


@dataclass(frozen=True)
class Entry:
    """A line of the list: a run for each of its seeds; the other fields as in Run. preset "": that of the file."""

    method: str = "region_net"
    preset: str = ""
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
        return [Run(self.method, self.preset or preset, seed, self.variant, self.model, self.train, self.flip_too)
                for seed in self.seeds]


@dataclass(frozen=True)
class SweepFile:
    """What the file holds: `preset` of the runs that name none, and the `runs`, best first."""

    preset: str = "full"
    runs: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        require(isinstance(self.runs, tuple) and len(self.runs) > 0, "runs", self.runs, "a list with a run or more")


def shipped() -> list[str]:
    """The names of the sweeps that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_sweep(name: str | Path, preset: str | None = None, seed: int | None = None) -> list[Run]:
    """The runs of a file, or of a sweep that comes with the package, in their order.

    `preset` takes the place of the file's, `seed` that of all seeds. Raises ConfigError, naming the file, its entry
    and the key, for one that is unknown or senseless, and for two runs of one name.
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
        for number, entry in enumerate(sweep.runs, 1):
            place = f"run {number}"
            own = _mapping(entry) | ({} if seed is None else {"seeds": [seed]})
            runs += config_from_dict(Entry, own).runs(preset or sweep.preset)
        return runs
    except (ConfigError, TypeError) as error:  # a word where a number should be
        raise ConfigError(f"{path}, {place}: {error}") from None


def _mapping(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{values!r}: expected keys and values")
    return values
