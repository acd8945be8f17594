import re

import pytest
import torch
from torch import Tensor

from actret_core.errors import ConfigError
from actret_core.models.baselines.delg import Delg, DelgConfig
from actret_core.models.pooling import generalized_mean


def test_the_generalized_mean_by_hand() -> None:
    """(1 + 8 + 27 + 64) / 4 = 25."""
    feature_map = torch.tensor([1.0, 2, 3, 4]).reshape(1, 1, 2, 2)
    assert generalized_mean(feature_map, 3).item() == pytest.approx(25 ** (1 / 3))


def test_between_the_mean_and_the_maximum() -> None:
    feature_map = torch.rand(3, 5, 4, 6) + 0.1
    torch.testing.assert_close(generalized_mean(feature_map, 1), feature_map.mean((2, 3)))
    highest = feature_map.amax((2, 3))
    away = [(highest - generalized_mean(feature_map, p)).max() for p in (1, 3, 10, 60)]
    assert all(a > b >= 0 for a, b in zip(away, away[1:], strict=False)) and away[-1] < 0.06


def test_a_dead_channel_is_small_and_its_gradient_finite() -> None:
    feature_map = torch.zeros(1, 2, 3, 3, requires_grad=True)
    pooled = generalized_mean(feature_map, 3)
    pooled.sum().backward()
    assert pooled.max() < 1e-5 and torch.isfinite(feature_map.grad).all()


def test_the_embedding_is_whitened_gem(delg_config: DelgConfig, image: Tensor) -> None:
    model = Delg(delg_config).eval()
    feature_map = model.backbone(image)
    pooled = feature_map.clamp(min=1e-6).pow(3).flatten(2).mean(2).pow(1 / 3)
    output = model(image)
    torch.testing.assert_close(output.embedding, pooled @ model.whiten.weight.T + model.whiten.bias)
    weights = torch.nn.functional.normalize(model.arcface.loss.W, dim=0)
    cosines = torch.nn.functional.normalize(output.embedding) @ weights
    torch.testing.assert_close(output.logits, 45.25 * cosines)


def test_its_size_at_224() -> None:
    model = Delg(DelgConfig()).eval()
    with torch.inference_mode():
        output = model(torch.randn(2, 3, 224, 224))
    assert output.embedding.shape == (2, 2048) and output.logits.shape == (2, 40)
    assert sum(p.numel() for p in model.parameters()) == 23_508_032 + 2048 * 2048 + 2048 + 2048 * 40


def test_the_defaults_are_the_authors() -> None:
    config = DelgConfig()
    assert (config.dim, config.p, config.margin, config.scale) == (2048, 3, 0.1, 45.25)
    assert Delg(DelgConfig(backbone="small")).arcface.loss.margin == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("field", "value"), [("dim", 0), ("p", 0.5), ("margin", -0.1), ("scale", 0), ("backbone", "vgg"), ("classes", 0)]
)
def test_a_bad_value_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        DelgConfig(**{field: value})
