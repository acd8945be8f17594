"""What holds for every method alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError
from actret_core.models.checkpoint import load_model, save_model
from actret_core.models.config import RegionNetConfig
from actret_core.models.methods import METHODS, build_model, find_method, method_of
from actret_core.models.recognition import RECOGNITION
from actret_core.training.config import TrainConfig
from actret_core.training.module import ActionModule, action_loss

RIVALS = ("strong_reid", "delg", "token", "rrt")
TARGET = torch.eye(3)[[0, 1, 1]]


@pytest.fixture
def configs(strong_config, delg_config, token_config, rrt_config) -> dict[str, Any]:
    region = RegionNetConfig(
        classes=3, backbone="small", image_size=64, k=2, blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8
    )
    own = (strong_config, delg_config, token_config, rrt_config)
    recognition = {name: kind(classes=3, backbone="small", image_size=64) for name, (kind, _) in RECOGNITION.items()}
    return dict(zip(RIVALS, own, strict=True)) | {"region_net": region} | recognition


@pytest.fixture
def batch(image: Tensor, person: Tensor) -> dict[str, Tensor]:
    regions, mask = person[:, None].repeat(1, 2, 1), torch.ones(3, 2, dtype=torch.bool)
    return {"image": image, "person": person, "regions": regions, "mask": mask, "target": TARGET}


@pytest.fixture
def built(configs: dict[str, Any]) -> Callable[[str], nn.Module]:
    def make(name: str) -> nn.Module:
        torch.manual_seed(0)
        return build_model(configs[name])

    return make


def run(model: nn.Module, batch: dict[str, Tensor]) -> Any:
    return model(**{name: batch[name] for name in model.inputs})


@pytest.mark.parametrize("name", METHODS)
def test_a_config_builds_its_module(name: str, configs: dict[str, Any], built, batch: dict[str, Tensor]) -> None:
    model = built(name)
    assert method_of(configs[name]) == name and type(model) is METHODS[name].module
    assert model.config == configs[name] and set(model.inputs) <= set(batch) - {"target"}
    output = run(model, batch)
    assert output.logits.shape == (3, 3) and output.embedding.shape[0] == 3 and output.embedding.ndim == 2


@pytest.mark.parametrize("name", RIVALS)
def test_a_gradient_reaches_every_parameter(name: str, built, batch: dict[str, Tensor]) -> None:
    """In evaluation: in training, a batch norm cancels the bias before it."""
    model = built(name).eval()
    loss = model.loss(run(model, batch), TARGET)
    if name == "rrt":  # its second stage
        maps = model.maps(batch["image"])
        loss = loss + model.pairs.loss(model.pairs(maps, maps.flip(0)), TARGET[:, :1])
    loss.backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert dead == (["neck.bias"] if name == "strong_reid" else [])


@pytest.mark.parametrize("name", RIVALS)
def test_the_shared_training_uses_a_method_s_own_loss(name: str, built, batch: dict[str, Tensor]) -> None:
    module = ActionModule(built(name), TrainConfig(label_smoothing=0.5)).eval()
    expected = module.model.loss(run(module.model, batch), TARGET)
    torch.testing.assert_close(module._loss(run(module.model, batch), TARGET), expected)


def test_a_method_without_one_uses_equation_6(built, batch: dict[str, Tensor]) -> None:
    config = TrainConfig(label_smoothing=0.5)
    module = ActionModule(built("region_net"), config).eval()
    output = run(module.model, batch)
    torch.testing.assert_close(module._loss(output, TARGET), action_loss(output.logits, TARGET, config))


@pytest.mark.parametrize("name", RIVALS)
def test_half_precision_is_close(name: str, built, batch: dict[str, Tensor]) -> None:
    model = built(name).eval()
    with torch.autocast("cpu", torch.bfloat16):
        half = run(model, batch)
        assert torch.isfinite(model.loss(half, TARGET))
    similar = torch.cosine_similarity(half.embedding.float(), run(model, batch).embedding)
    assert similar.min() > 0.98


@pytest.mark.parametrize("name", RIVALS)
def test_an_image_is_not_changed_by_its_company(name: str, built, batch: dict[str, Tensor]) -> None:
    model = built(name).eval()
    together = run(model, batch).embedding
    for i in range(3):
        alone = run(model, {key: value[i : i + 1] for key, value in batch.items()}).embedding
        torch.testing.assert_close(alone[0], together[i], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_round_trip_of_every_method(name: str, built, batch: dict[str, Tensor], tmp_path: Path) -> None:
    model, path = built(name), tmp_path / "model.safetensors"
    run(model, batch)  # in training, so that the batch norms have something to remember
    if name in RIVALS:
        model.loss(run(model, batch), TARGET)  # and the centers
    save_model(path, model)
    again = load_model(path)
    assert type(again) is type(model) and again.config == model.config
    state = again.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


def test_an_unknown_method_is_named(configs: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="method='delf': expected one of region_net, strong_reid, delg, token, rrt"):
        find_method("delf")
    with pytest.raises(ConfigError, match="config='TrainConfig': expected the config of a method"):
        build_model(TrainConfig())
