"""Models that fit into a test: 32 pixels, the small backbone, one block."""

from typing import Any

import pytest
import torch
from torch import Tensor

from actret_core.models.config import ModelConfig, RegionNetConfig
from actret_core.models.methods import METHODS

Inputs = dict[str, Tensor]
SMALL: dict[str, Any] = {"classes": 3, "backbone": "small", "image_size": 32}
OPTIONS: dict[str, dict[str, Any]] = {
    "region_net": {"k": 4, "blocks": 1, "heads": 2, "ffn": 16, "dropout": 0.0, "hidden": 8},
    "delg": {"dim": 24},
    "token": {"dim": 24, "heads": 4},
    "rrt": {"dim": 24, "cells": 4, "local_dim": 16, "blocks": 2, "heads": 2, "ffn": 32},
    "two_stream": {"roi_size": 3},
    "fast_rcnn": {"hidden": 16},
    "action_mask": {"k": 4},
}


@pytest.fixture(scope="session")
def configs() -> dict[str, ModelConfig]:
    """Of every method: three actions, 32 pixels, the small backbone, and as little else as it allows."""
    return {name: method.config(**SMALL, **OPTIONS.get(name, {})) for name, method in METHODS.items()}


@pytest.fixture(scope="session")
def config(configs: dict[str, ModelConfig]) -> RegionNetConfig:
    """The region-aware model's: up to four regions an image."""
    return configs["region_net"]


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
