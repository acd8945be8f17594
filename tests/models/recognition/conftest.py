"""A photograph's inputs come from the folder above; here, the configs of all recognition models at its size."""

import pytest

from actret_core.models.recognition import RECOGNITION
from actret_core.models.config import ModelConfig

OPTIONS = {"fast_rcnn": {"hidden": 16}, "action_mask": {"k": 4}, "two_stream": {"roi_size": 3}}


@pytest.fixture(params=RECOGNITION)
def small_config(request: pytest.FixtureRequest) -> ModelConfig:
    """Of each model: three actions, 32 pixels, the small backbone."""
    kind, _ = RECOGNITION[request.param]
    return kind(classes=3, backbone="small", image_size=32, **OPTIONS.get(request.param, {}))
