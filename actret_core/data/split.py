"""Parts of a split: a subset by index, or a held-out part for early stopping."""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from actret_core.data.sample import ActionSplit
from actret_core.errors import DataError


def subset(split: ActionSplit, indices: np.ndarray, name: str) -> ActionSplit:
    """The samples at `indices`, in this order, as a split called `name`."""
    return replace(split, name=name, samples=tuple(split.samples[i] for i in indices))


def hold_out(split: ActionSplit, fraction: float, seed: int) -> tuple[ActionSplit, ActionSplit]:
    """Split at random into (kept, held out), stratified by action; `fraction` of the photographs are held out.

    Persons of one photograph stay together. A photograph is stratified by the first action of its first person. Raises
    DataError if an action has fewer than two photographs, or a part fewer photographs than there are actions.
    """
    actions: dict[str, int] = {}  # photograph -> action, -1 for none
    for sample in split.samples:
        actions.setdefault(sample.image_id, sample.labels[0] if sample.labels else -1)
    cut = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        _, rows = next(cut.split(list(actions), list(actions.values())))
    except ValueError as error:
        raise DataError(f"cannot hold out {fraction:.0%} of {split.dataset}/{split.name}: {error}") from None
    held = np.isin([s.image_id for s in split.samples], np.array(list(actions))[rows])
    return subset(split, np.flatnonzero(~held), split.name), subset(split, np.flatnonzero(held), "held_out")
