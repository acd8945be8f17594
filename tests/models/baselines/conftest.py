"""Three images of 64 pixels with a person each, and small configs of every rival."""

from typing import Any

import pytest
import torch
from torch import Tensor

from actret_core.models.baselines.delg import DelgConfig
from actret_core.models.baselines.rrt import RrtConfig
from actret_core.models.baselines.strong_reid import StrongReidConfig
from actret_core.models.baselines.token import TokenConfig

SMALL: dict[str, Any] = {"classes": 3, "backbone": "small", "image_size": 64}


@pytest.fixture
def strong_config() -> StrongReidConfig:
    return StrongReidConfig(**SMALL)


@pytest.fixture
def delg_config() -> DelgConfig:
    return DelgConfig(**SMALL, dim=24)


@pytest.fixture
def token_config() -> TokenConfig:
    return TokenConfig(**SMALL, dim=24, heads=4)


@pytest.fixture
def rrt_config() -> RrtConfig:
    return RrtConfig(**SMALL, dim=24, cells=4, local_dim=16, blocks=2, heads=2, ffn=32)


@pytest.fixture
def image() -> Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.manual_seed(0))


@pytest.fixture
def person() -> Tensor:
    return torch.tensor([[4.0, 8, 40, 60], [0, 0, 64, 64], [30, 20, 50, 44]])
