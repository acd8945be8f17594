"""What the recognition models share; what holds for every method is in `test_methods.py`."""

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from actret_core.config import config_from_dict
from actret_core.errors import ConfigError
from actret_core.models.backbone import FrontBackbone
from actret_core.models.config import ModelConfig
from actret_core.models.methods import build_model
from actret_core.models.recognition import RECOGNITION
from actret_core.training.batches import run_model

Inputs = dict[str, Tensor]


def built(config: ModelConfig) -> nn.Module:
    """In evaluation mode, with batch norms that do something."""
    torch.manual_seed(0)
    model = build_model(config).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
    return model


@pytest.mark.parametrize("name", RECOGNITION)
def test_on_cached_maps(name: str, configs: dict[str, ModelConfig], inputs: Inputs) -> None:
    """The reduced protocol: the front's map in the place of the photograph changes nothing."""
    config = replace(configs[name], image_size=64)
    whole, reduced = built(config), built(replace(config, on_maps=True))
    front, state = FrontBackbone("small").eval(), whole.state_dict()
    reduced.load_state_dict({name: state[name] for name in reduced.state_dict()})
    part = {name.removeprefix("backbone."): value for name, value in state.items()}
    front.load_state_dict({name: part[name] for name in front.state_dict()})
    image = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected = run_model(whole, inputs | {"image": image})
        found = run_model(reduced, inputs | {"image": front(image)})
    assert torch.equal(found.embedding, expected.embedding) and torch.equal(found.logits, expected.logits)


def test_padding_never_changes_a_result(inputs: Inputs) -> None:
    model = built(RECOGNITION["action_mask"][0](classes=3, backbone="small", image_size=32, k=4))
    nn.init.normal_(model.evidence.weight)
    expected = run_model(model, inputs).embedding
    for garbage in (-50.0, 1e4, float("nan")):
        boxes = torch.where(inputs["mask"].unsqueeze(2), inputs["regions"], garbage)
        torch.testing.assert_close(run_model(model, inputs | {"regions": boxes}).embedding, expected)
    more = {"regions": pad(inputs["regions"], (0, 0, 0, 6), value=9), "mask": pad(inputs["mask"], (0, 6))}
    torch.testing.assert_close(run_model(model, inputs | more).embedding, expected)


BAD = [
    ("whole_image", "pooling", "sum"), ("two_stream", "pooling", "median"), ("two_stream", "roi_size", 0),
    ("fast_rcnn", "roi_size", 0), ("fast_rcnn", "channels", 0),
    ("fast_rcnn", "hidden", 0),
    ("action_mask", "k", 0), ("action_mask", "roi_size", 0), ("action_mask", "min_score", 1.5),
    ("action_mask", "max_iou", -0.1),
] + [(name, field, value) for name in RECOGNITION for field, value in (("classes", 0), ("backbone", "vgg"))]


@pytest.mark.parametrize(("name", "field", "value"), BAD)
def test_a_bad_value_names_its_field(name: str, field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        config_from_dict(RECOGNITION[name][0], {field: value})


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("whole_image", 2048 * 40 + 40),
        ("two_stream", 4096 * 40 + 40),
        ("fast_rcnn", 2048 * 256 + 256 + 9 * 256**2 + 256 + 49 * 256 * 1024 + 1024 + 1024**2 + 1024 + 1024 * 40 + 40),
        ("action_mask", 2048 + 1 + 2048 * 40 + 40),
    ],
)
@pytest.mark.parametrize(("on_maps", "trunk"), [(False, 23_508_032), (True, 14_964_736)])
def test_parameters_by_formula(name: str, head: int, on_maps: bool, trunk: int) -> None:
    kind, build = RECOGNITION[name]
    with torch.device("meta"):
        model = build(kind(on_maps=on_maps))
    assert sum(p.numel() for p in model.parameters()) == trunk + head
