"""Take a part of a split: a held-out part for early stopping, or a small subset."""

from dataclasses import replace

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from actret_core.data.sample import ActionSplit
from actret_core.errors import DataError


def subset(split: ActionSplit, indices: np.ndarray, name: str) -> ActionSplit:
    """The samples at `indices`, in this order, as a split called `name`."""
    return replace(split, name=name, samples=tuple(split.samples[i] for i in indices))


def hold_out(split: ActionSplit, fraction: float, seed: int) -> tuple[ActionSplit, ActionSplit]:
    """Cut a split in two at random by its photographs, (kept, held out), with each action in proportion.

    Persons of one photograph stay together, and it counts under the first action of the first of them. Raises
    DataError if fewer than two photographs count under an action, or a part has fewer of them than there are actions.
    """
    actions: dict[str, int] = {}  # of every photograph, -1 for none
    for sample in split.samples:
        actions.setdefault(sample.image_id, sample.labels[0] if sample.labels else -1)
    cut = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        _, rows = next(cut.split(list(actions), list(actions.values())))
    except ValueError as error:
        raise DataError(f"cannot hold out {fraction:.0%} of {split.dataset}/{split.name}: {error}") from None
    held = np.isin([s.image_id for s in split.samples], np.array(list(actions))[rows])
    return subset(split, np.flatnonzero(~held), split.name), subset(split, np.flatnonzero(held), "held_out")
