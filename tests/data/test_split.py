from pathlib import Path

import numpy as np
import pytest

from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.split import hold_out, subset
from actret_core.errors import DataError


def split_of(labels: list[tuple[int, ...]], actions: int, persons: int = 1) -> ActionSplit:
    """A sample for each of `labels`, of which each `persons` in a row share a photograph."""
    whole = (9, 9), (0, 0, 9, 9)
    samples = [ActionSample(str(i), Path(f"{i // persons}.jpg"), *whole, row) for i, row in enumerate(labels)]
    return ActionSplit("voc2012", "train", tuple(f"a{i}" for i in range(actions)), tuple(samples))


def test_subset_keeps_the_given_order() -> None:
    part = subset(split_of([(0,), (1,), (0,)], 2), np.array([2, 0]), "few")
    assert part.name == "few" and part.ids == ["2", "0"] and part.actions == ("a0", "a1")


def test_hold_out_parts_the_split_in_proportion() -> None:
    split = split_of([(0,)] * 40 + [(1,)] * 20 + [(2, 0)] * 10 + [()] * 10, 3)
    kept, held = hold_out(split, 0.1, seed=0)
    assert sorted(kept.ids + held.ids) == sorted(split.ids) and not set(kept.ids) & set(held.ids)
    assert (kept.name, held.name) == ("train", "held_out")
    assert sorted(s.labels for s in held.samples) == [(), (0,), (0,), (0,), (0,), (1,), (1,), (2, 0)]
    assert kept.ids == sorted(kept.ids, key=int)


def test_hold_out_depends_on_the_seed_alone() -> None:
    split = split_of([(i % 4,) for i in range(80)], 4)
    assert hold_out(split, 0.2, seed=1)[1].ids == hold_out(split, 0.2, seed=1)[1].ids
    assert hold_out(split, 0.2, seed=1)[1].ids != hold_out(split, 0.2, seed=2)[1].ids


def test_persons_of_one_photograph_stay_together() -> None:
    pairs = [[(0,), (0, 1)]] * 40 + [[(1,), (1,)]] * 20 + [[(), (0,)]] * 10
    split = split_of([labels for pair in pairs for labels in pair], 2, persons=2)
    kept, held = hold_out(split, 0.2, seed=0)
    images = [{s.image_id for s in part.samples} for part in (kept, held)]
    assert not images[0] & images[1] and [len(names) for names in images] == [56, 14]
    assert sorted(kept.ids + held.ids) == sorted(split.ids) and held.ids == sorted(held.ids, key=int)
    np.testing.assert_array_equal(held.targets.sum(0), 0.2 * split.targets.sum(0))
    assert hold_out(split, 0.2, seed=0)[1].ids == held.ids != hold_out(split, 0.2, seed=1)[1].ids


def test_an_action_in_one_photograph_cannot_be_held_out() -> None:
    with pytest.raises(DataError, match="cannot hold out 50% of voc2012/train"):
        hold_out(split_of([(0,)] * 8 + [(1,)] * 2, 2, persons=2), 0.5, seed=0)


@pytest.mark.parametrize(
    ("labels", "fraction"), [([(0,)] * 9 + [(1,)], 0.5), ([(0,)] * 9 + [(1,)] * 9, 0.05)]
)
def test_hold_out_needs_enough_of_every_action(labels: list[tuple[int, ...]], fraction: float) -> None:
    with pytest.raises(DataError, match="cannot hold out .* of voc2012/train"):
        hold_out(split_of(labels, 2), fraction, seed=0)
