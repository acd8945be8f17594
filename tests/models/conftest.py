"""A model that fits into a test: 32 pixels, the small backbone, one block."""

import pytest
import torch
from torch import Tensor

from actret_core.models.config import RegionNetConfig

Inputs = dict[str, Tensor]


@pytest.fixture
def config() -> RegionNetConfig:
    """Three actions and up to four regions an image."""
    return RegionNetConfig(
        classes=3, backbone="small", image_size=32, k=4, blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8
    )


@pytest.fixture
def inputs() -> Inputs:
    """Three images with 4, 2 and 0 real regions; the boxes of the padding are zeros."""
    torch.manual_seed(0)
    corner, side = torch.rand(3, 5, 2) * 16, 4 + torch.rand(3, 5, 2) * 12
    boxes = torch.cat([corner, corner + side], 2)
    mask = torch.arange(4) < torch.tensor([[4], [2], [0]])
    return {
        "image": torch.randn(3, 3, 32, 32),
        "person": boxes[:, 0],
        "regions": boxes[:, 1:] * mask.unsqueeze(2),
        "mask": mask,
    }
