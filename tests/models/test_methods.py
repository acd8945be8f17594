"""What holds for every method alike: each behavior is tested here once, over all of them."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actret_core.config import config_from_dict
from actret_core.errors import ConfigError
from actret_core.models.checkpoint import load_model, save_model
from actret_core.models.config import ModelConfig
from actret_core.models.methods import METHODS, build_model, find_method, method_of
from actret_core.training.config import TrainConfig
from actret_core.training.batches import run_model
from actret_core.training.module import ActionModule, action_loss

RIVALS = ("strong_reid", "delg", "token", "rrt")  # they have a loss of their own
WIDTHS = {
    "region_net": 96, "strong_reid": 96, "delg": 24, "token": 24, "rrt": 24,
    "whole_image": 96, "two_stream": 192, "fast_rcnn": 16, "action_mask": 96,
}  # fmt: skip
TARGET = torch.eye(3)[[0, 1, 1]]
EVERY = pytest.mark.parametrize("name", METHODS)


@pytest.fixture
def built(configs: dict[str, ModelConfig]) -> Callable[[str], nn.Module]:
    """A model in evaluation mode, with batch norms that do something."""

    def make(name: str) -> nn.Module:
        torch.manual_seed(0)
        model = build_model(configs[name]).eval()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
        return model

    return make


@EVERY
def test_a_config_builds_its_module(
    name: str, configs: dict[str, ModelConfig], built, inputs: dict[str, Tensor]
) -> None:
    model = built(name)
    assert method_of(configs[name]) == name and type(model) is METHODS[name].module
    assert model.config == configs[name] and set(model.inputs) <= set(inputs)
    output = run_model(model, inputs)
    assert output.embedding.shape == (3, WIDTHS[name]) and output.logits.shape == (3, 3)
    assert output.embedding.dtype == output.logits.dtype == torch.float32


@EVERY
def test_a_gradient_reaches_every_parameter(name: str, built, inputs: dict[str, Tensor]) -> None:
    """In evaluation: in training, a batch norm cancels the bias before it."""
    model = built(name)
    output = run_model(model, inputs)
    loss = model.loss(output, TARGET) if name in RIVALS else output.logits.square().sum()
    if name == "rrt":  # its second stage
        maps = model.maps(inputs["image"])
        loss = loss + model.pairs.loss(model.pairs(maps, maps.flip(0)), TARGET[:, :1])
    loss.backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == (["neck.bias"] if name == "strong_reid" else [])


@EVERY
def test_training_uses_a_method_s_own_loss_or_equation_6(name: str, built, inputs: dict[str, Tensor]) -> None:
    config = TrainConfig(label_smoothing=0.5)
    module = ActionModule(built(name), config).eval()
    output = run_model(module.model, inputs)
    own = module.model.loss(output, TARGET) if name in RIVALS else action_loss(output.logits, TARGET, config)
    assert hasattr(module.model, "loss") == (name in RIVALS)
    torch.testing.assert_close(module._loss(output, TARGET), own)


@EVERY
def test_one_action_or_several(name: str, built, inputs: dict[str, Tensor]) -> None:
    logits, several = run_model(built(name), inputs).logits, torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 1, 0]])
    for targets, config in ((TARGET, TrainConfig()), (several, TrainConfig(multi_label=True))):
        loss = action_loss(logits, targets, config)
        assert loss.shape == () and loss > 0


@EVERY
def test_half_precision_is_close(name: str, built, inputs: dict[str, Tensor]) -> None:
    model = built(name)
    with torch.autocast("cpu", torch.bfloat16):
        half = run_model(model, inputs)
        assert name not in RIVALS or torch.isfinite(model.loss(half, TARGET))
    similar = torch.cosine_similarity(half.embedding.float(), run_model(model, inputs).embedding)
    assert similar.min() > (0.98 if name in RIVALS else 0.99)


@EVERY
def test_an_image_is_not_changed_by_its_company(name: str, built, inputs: dict[str, Tensor]) -> None:
    model = built(name)
    together = run_model(model, inputs)
    for i in range(3):
        alone = run_model(model, {key: value[i : i + 1] for key, value in inputs.items()})
        torch.testing.assert_close(alone.embedding[0], together.embedding[i], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.logits[0], together.logits[i], atol=1e-5, rtol=1e-4)


@EVERY
def test_what_a_model_looks_at(name: str, built, inputs: dict[str, Tensor]) -> None:
    """The person's box matters where it is an input, and the image always."""
    model, box = built(name), torch.tensor([0.0, 0, 9, 9])
    before = run_model(model, inputs).embedding
    moved = run_model(model, inputs | {"person": box.expand(3, 4)}).embedding
    assert torch.equal(before, moved) == ("person" not in model.inputs)
    flipped = run_model(model, inputs | {"image": inputs["image"].flip(2)}).embedding
    assert not torch.allclose(before, flipped, atol=1e-4)


@EVERY
def test_a_config_survives_json_and_cannot_change(name: str, configs: dict[str, ModelConfig]) -> None:
    config = configs[name]
    assert config_from_dict(type(config), json.loads(json.dumps(asdict(config)))) == config
    with pytest.raises(FrozenInstanceError):
        config.classes = 5


@EVERY
def test_a_round_trip_of_every_method(name: str, built, inputs: dict[str, Tensor], tmp_path: Path) -> None:
    model, path = built(name).train(), tmp_path / "model.safetensors"
    output = run_model(model, inputs)  # in training, so that the batch norms have something to remember
    if name in RIVALS:
        model.loss(output, TARGET)  # and the centers
    save_model(path, model)
    again = load_model(path)
    assert type(again) is type(model) and again.config == model.config
    state = again.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ConfigError, match="method='delf': expected one of region_net, strong_reid, delg, token, rrt"):
        find_method("delf")
    with pytest.raises(ConfigError, match="config='TrainConfig': expected the config of a method"):
        build_model(TrainConfig())
