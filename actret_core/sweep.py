"""Work through a list of runs: what is recorded is skipped, what was begun goes on, and nothing is lost."""

import time
from collections.abc import Sequence

from actret_core.errors import ActretError
from actret_core.parallel import from_first, rank
from actret_core.runs import Place, Run, claim, perform
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
