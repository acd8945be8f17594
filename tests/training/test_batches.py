import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from actret_core.errors import ConfigError, DataError
from actret_core.models.fusion import FusionHead
from actret_core.training.batches import balanced_sampler, check_actions, train_loader
from actret_core.training.config import TrainConfig
from actret_core.training.fit import fit

PK = TrainConfig(batch_size=6, per_class=2, workers=0)
NAMES = ("drinking", "phoning", "running", "cooking")


def targets(*counts: int) -> Tensor:
    """One-hot targets with the given number of samples of each action."""
    return torch.eye(len(counts)).repeat_interleave(torch.tensor(counts), 0)


def test_a_batch_holds_some_of_each_of_a_few_actions() -> None:
    torch.manual_seed(0)
    hot = targets(5, 4, 6, 9)
    labels, seen = hot.argmax(1).tolist(), Counter()
    for _ in range(20):
        order = list(balanced_sampler(hot, PK))
        assert len(order) == 24
        for start in range(0, 24, 6):
            batch = order[start : start + 6]
            assert len(set(batch)) == 6, "no sample twice"
            assert sorted(Counter(labels[i] for i in batch).values()) == [2, 2, 2]
            seen.update(batch)
    assert len(seen) == 24, "everyone has its turn"


def test_an_action_with_fewer_samples_is_named() -> None:
    wanted = "per_class=2: expected at most 1, the training samples of phoning; lower it, or 0 for a plain shuffle"
    with pytest.raises(ConfigError, match=re.escape(wanted)):
        balanced_sampler(targets(5, 1, 6, 9), PK, NAMES)
    with pytest.raises(ConfigError, match="the training samples of 1; lower it"):
        balanced_sampler(targets(5, 1, 6, 9), PK)


def test_a_batch_that_too_few_actions_fill() -> None:
    with pytest.raises(ConfigError, match="batch_size=6: expected at most 4: 2 of each of 2 actions"):
        balanced_sampler(targets(8, 8), PK)


def test_a_batch_that_is_no_multiple() -> None:
    with pytest.raises(ConfigError, match="per_class=4: expected a divisor of batch_size=6, or 0 for a shuffle"):
        replace(PK, per_class=4)


def test_several_actions_count_under_the_first_and_none_as_one_more() -> None:
    hot = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0]])
    (batch,) = [set(balanced_sampler(hot, PK, NAMES[:3]))]
    assert batch == {0, 1, 2, 3, 4, 5}
    with pytest.raises(ConfigError, match="the training samples of none"):
        balanced_sampler(hot[:5], PK, NAMES[:3])


def test_absent_actions_are_named() -> None:
    check_actions(targets(1, 1, 2, 1), NAMES)
    message = "training set: no sample of 2 of 4 actions, first phoning, cooking; add some, or leave the action out"
    with pytest.raises(DataError, match=message):
        check_actions(targets(3, 0, 2, 0), NAMES)
    with pytest.raises(DataError, match="first 1, 3; add some"):
        check_actions(targets(3, 0, 2, 0), ())


def test_fit_refuses_an_absent_action_before_it_writes(
    toy, head: FusionHead, quick: TrainConfig, tmp_path: Path
) -> None:
    data = toy(12)
    data.targets = torch.eye(3)[data.labels.clamp(max=1)]
    with pytest.raises(DataError, match="no sample of 1 of 3 actions, first 2"):
        fit(head, data, None, quick, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists() and not data.seen


def test_fit_trains_on_balanced_batches(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    data = toy(14)
    data.targets = torch.eye(3)[data.labels]
    config = replace(quick, epochs=1, per_class=2)
    fit(head, data, None, config, tmp_path, progress=False)
    assert len(data.seen) == 12
    for batch in (data.seen[:6], data.seen[6:]):
        assert Counter(data.labels[batch].tolist()) == {0: 2, 1: 2, 2: 2}


def test_the_same_seed_gives_the_same_batches(toy, head: FusionHead, quick: TrainConfig, tmp_path: Path) -> None:
    orders = []
    for name in "ab":
        data = toy(14)
        data.targets = torch.eye(3)[data.labels]
        fit(head, data, None, replace(quick, per_class=2), tmp_path / name, progress=False)
        orders.append(data.seen)
    assert orders[0] == orders[1]


def test_a_data_set_without_targets_cannot_be_balanced(toy) -> None:
    with pytest.raises(ConfigError, match="per_class=2: expected 0: this data set has no targets"):
        train_loader(toy(12), PK)
