"""A sweep: a list of runs in a YAML file, best first. Recorded runs are skipped, interrupted ones are resumed."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from actret_core.config import NonNegativeInt, config_class, config_from_dict, require
from actret_core.distributed import from_first, rank
from actret_core.errors import ActretError, ConfigError
from actret_core.experiments.action_data import load_data
from actret_core.experiments.check import check
from actret_core.experiments.perform import perform
from actret_core.experiments.record import RunRecord
from actret_core.experiments.run import Place, Run, claimed, recorded, resolve_run
from actret_core.training.fit import OutOfTime

SHIPPED = Path(__file__).parent / "sweeps"


@config_class
class Row:
    """A row of the list: one run for each of its seeds. The other fields are as in `resolve_run`."""

    method: str = "region_net"              # its name in `METHODS`
    preset: str = ""                        # "": the preset of the file
    seeds: tuple[NonNegativeInt, ...] = (0,)
    variant: str = ""                       # names what differs from the preset
    model: dict[str, Any] = field(default_factory=dict)  # fields of the model's config, such as {blocks: 4}
    train: dict[str, Any] = field(default_factory=dict)  # fields of the training's config
    flip_too: bool = False                  # also record the same weights with `flip_test`

    def __post_init__(self) -> None:
        require(len(self.seeds) > 0, "seeds", self.seeds, "a list of whole numbers, such as [0, 1, 2]")

    def runs(self, preset: str, seed: int | None = None) -> list[Run]:
        """Its runs: by `preset` if the row names none; `seed` replaces its seeds if given."""
        seeds = self.seeds if seed is None else (seed,)
        chosen = self.method, self.preset or preset
        return [resolve_run(*chosen, each, self.variant, self.model, self.train, self.flip_too) for each in seeds]


@config_class
class Sweep:
    """The contents of a sweep's file."""

    preset: str = "full"         # of the rows that name none
    runs: tuple[Any, ...] = ()   # the rows, best first

    def __post_init__(self) -> None:
        require(len(self.runs) > 0, "runs", self.runs, "a list with a run or more")


def shipped() -> list[str]:
    """The names of the sweeps that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def read_sweep(name: str | Path, preset: str | None = None, seed: int | None = None) -> list[Run]:
    """The runs of a file, or of a sweep that comes with the package, in their order.

    `preset` replaces the file's, `seed` all of its seeds. Raises ConfigError, naming the file, the row and the key, for
    an unknown key or an invalid value, and for two runs of one name.
    """
    sweep, path = read_rows(name), _path(name)
    runs = []
    for number, row in enumerate(sweep.runs, 1):
        with _naming(path, f"run {number}"):
            runs += row.runs(preset or sweep.preset, seed)
    stems = [run.stem for run in runs]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ConfigError(f"{path}: {twice[0]} stands twice; give one of them a `variant` of its own, or delete it")
    return runs


def read_rows(name: str | Path) -> Sweep:
    """A sweep as it is written, its `runs` as Rows. Raises ConfigError as `read_sweep` does."""
    path = _path(name)
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        known = ", ".join(shipped())
        raise ConfigError(f"{path}: not a readable sweep ({error}); name a file, or one of {known}") from None
    with _naming(path, "the file"):
        sweep, rows = config_from_dict(Sweep, _mapping(values)), []
    for number, row in enumerate(sweep.runs, 1):
        with _naming(path, f"run {number}"):
            rows.append(config_from_dict(Row, _mapping(row)))
    return replace(sweep, runs=tuple(rows))


def _path(name: str | Path) -> Path:
    return SHIPPED / f"{name}.yaml" if str(name) in shipped() else Path(name)


@contextmanager
def _naming(path: Path, part: str) -> Iterator[None]:
    """Put the file and the part of it that is wrong before the message of a ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}, {part}: {error}") from None


def _mapping(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"{values!r}: expected keys and values")
    return values


def state(run: Run, place: Place) -> str:
    """What has become of a run: "recorded", "begun" (it has a checkpoint) or "left"."""
    if recorded(run, place):
        return "recorded"
    return "begun" if any(place.folder(run).rglob("last.ckpt")) else "left"


def obstacles(runs: Sequence[Run], place: Place) -> dict[str, str]:
    """Why runs that are not recorded cannot be trained, by their names: what `check` says; the regions are not read."""
    left, found = [run for run in runs if state(run, place) != "recorded"], {}
    try:
        data = load_data(place.dataset, place.data, config=None)
    except ActretError as error:
        return {run.stem: str(error) for run in left}
    for run in left:
        try:
            check(data, run, place)
        except ActretError as error:
            found[run.stem] = str(error)
    return found


def listing(runs: Sequence[Run], place: Place, why_not: Mapping[str, str] = MappingProxyType({})) -> str:
    """A line for each run, in order, and how many are left; `why_not` are the `obstacles`, by the names of runs."""
    states = [state(run, place) for run in runs]
    reasons = [f"; cannot run: {why_not[run.stem]}" if run.stem in why_not else "" for run in runs]
    lines = [f"{found:10}{run.stem}{why}" for run, found, why in zip(runs, states, reasons, strict=True)]
    return "\n".join([*lines, f"{len(runs) - states.count('recorded')} of {len(runs)} runs are left"])


def run_sweep(
    runs: Sequence[Run], place: Place, minutes: float = float("inf"), keep: bool = False,
    perform: Callable[..., RunRecord] = perform,
) -> list[str]:
    """Train and record the runs, best first, with a line for each; several calls at once share them.

    After `minutes` it stops between two epochs, and the same call resumes there. With `keep`, weights are kept.
    Returns the names of the runs that failed with an ActretError; the runs after them are trained all the same.
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
        if from_first(recorded(run, place)):
            return "recorded already"
        record = perform(run, place, keep, deadline)
        return f"recorded, mAP {record.metrics['mAP']:.1f} after {record.epochs} epochs"


def _say(text: str) -> None:
    if not rank():
        print(text, flush=True)
