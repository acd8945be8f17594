from collections import Counter

import pytest
import torch

from actret_core.errors import ConfigError
from actret_core.training import batches
from actret_core.training.batches import EpochOrder, SharedBatches, balanced_sampler, held_out_loader, train_loader
from actret_core.training.config import TrainConfig


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch):
    """Give this process a rank in a run of several processes."""

    def pretend(rank: int, world: int) -> None:
        monkeypatch.setattr(batches, "rank", lambda: rank)
        monkeypatch.setattr(batches, "world", lambda: world)

    return pretend


def at(epoch: int, seed: int = 0, count: int = 10) -> list[int]:
    found = EpochOrder(count, seed)
    found.set_epoch(epoch)
    return list(found)


def test_seed_and_epoch_alone_decide_the_order() -> None:
    torch.manual_seed(1)
    assert at(0) == at(0) and sorted(at(0)) == list(range(10))
    assert len({tuple(at(*given)) for given in ((0, 0), (1, 0), (0, 1), (1, 1))}) == 4


def test_balanced_batches_come_again_too() -> None:
    config = TrainConfig(batch_size=6, per_class=2)
    hot = torch.eye(3).repeat_interleave(4, 0)
    found = EpochOrder(12, 0, balanced_sampler(hot, config))
    first = list(found)
    assert list(found) == first and len(found) == len(first) == 12
    found.set_epoch(1)
    assert list(found) != first


@pytest.mark.parametrize(
    ("count", "world", "sizes"),
    [(12, 1, [4, 4, 4]), (10, 1, [4, 4, 2]), (9, 1, [4, 4]), (12, 2, [2, 2, 2]), (10, 2, [2, 2]), (11, 2, [2, 2])],
)
def test_processes_share_every_batch_equally(processes, count: int, world: int, sizes: list[int]) -> None:
    """Together they see what one process sees, but for what does not divide, or would be a part of one sample."""
    alone, parts = [at(0, count=count)[i : i + 4] for i in range(0, count, 4)], []
    for rank in range(world):
        processes(rank, world)
        shared = SharedBatches(EpochOrder(count, 0), 4)
        parts.append(list(shared))
        assert [len(part) for part in parts[-1]] == sizes and len(shared) == len(sizes)
    for whole, *shares in zip(alone, *parts, strict=False):
        assert sum(shares, []) == whole[: sum(map(len, shares))]


def test_a_share_of_a_balanced_batch_is_balanced(processes) -> None:
    hot, config = torch.eye(4).repeat_interleave(4, 0), TrainConfig(batch_size=8, per_class=2)
    for rank in range(2):
        processes(rank, 2)
        for part in SharedBatches(EpochOrder(16, 0, balanced_sampler(hot, config)), 8):
            assert sorted(Counter(hot.argmax(1)[part].tolist()).values()) == [2, 2]


@pytest.mark.parametrize(("size", "world"), [(6, 4), (4, 4), (128, 3)])
def test_a_batch_that_cannot_be_shared(processes, toy, size: int, world: int) -> None:
    processes(0, world)
    with pytest.raises(ConfigError, match=f"batch_size={size}: expected a multiple of {2 * world}: it is shared by"):
        train_loader(toy(12), TrainConfig(batch_size=size, workers=0))


def test_what_is_held_out_is_shared_without_padding(processes, toy) -> None:
    seen = []
    for rank in range(2):
        processes(rank, 2)
        loader = held_out_loader(toy(7), TrainConfig(batch_size=4, workers=0))
        seen += [index for batch in loader for index in batch["index"].tolist()]
    assert sorted(seen) == list(range(7)) and seen[:4] == [0, 2, 4, 6]
    processes(1, 2)
    with pytest.raises(ConfigError, match="held_out=0.1: expected a part of at least 2 samples"):
        held_out_loader(toy(1), TrainConfig(workers=0))
