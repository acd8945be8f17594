"""Data and a model so small that a whole training takes a fraction of a second."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.models.config import RegionNetConfig
from actret_core.models.fusion import FusionHead
from actret_core.training.config import TrainConfig


class Toy(Dataset):
    """Tokens of three actions that lie apart; `seen` lists what was asked for; `fail_at` crashes."""

    def __init__(self, size: int, fail_at: int | None = None, seed: int = 0) -> None:
        generator = torch.manual_seed(seed)
        self.labels = torch.arange(size) % 3
        self.tokens = torch.randn(size, 4, 8, generator=generator) + 2 * torch.eye(8)[self.labels, None]
        self.fail_at, self.seen = fail_at, []

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        self.seen.append(index)
        if len(self.seen) == self.fail_at:
            raise RuntimeError("the power is gone")
        target = torch.eye(3)[self.labels[index]]
        return {
            "tokens": self.tokens[index],
            "mask": torch.ones(4, dtype=torch.bool),
            "target": target,
            "index": index,
        }


@pytest.fixture
def toy() -> Callable[..., Toy]:
    return Toy


@pytest.fixture
def head() -> FusionHead:
    """A fusion transformer over two views and two regions of eight channels."""
    torch.manual_seed(0)
    return FusionHead(RegionNetConfig(classes=3, k=2, blocks=1, heads=2, ffn=16, dropout=0.1, hidden=8), 8)


@pytest.fixture
def quick() -> TrainConfig:
    return TrainConfig(
        epochs=3, batch_size=6, lr=1e-2, mixup=0.0, held_out=0.0, precision="32-true", workers=0
    )
