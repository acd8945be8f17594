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
    """Cut a split in two at random, (kept, held out), with each action in proportion.

    A person with several actions counts under the first. Raises DataError if an action has fewer than two
    samples.
    """
    first = np.array([s.labels[0] if s.labels else -1 for s in split.samples])
    cut = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        kept, held = next(cut.split(first, first))
    except ValueError as error:
        raise DataError(f"cannot hold out {fraction:.0%} of {split.dataset}/{split.name}: {error}") from None
    return subset(split, np.sort(kept), split.name), subset(split, np.sort(held), "held_out")
