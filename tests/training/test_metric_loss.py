import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError
from actret_core.models.fusion import FusionHead
from actret_core.training.config import TrainConfig
from actret_core.training.fit import fit
from actret_core.training.metric_loss import build_metric_loss
from actret_core.training.module import ActionModule

VECTORS = torch.tensor([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
LABELS = torch.tensor([0, 0, 1])


def test_supervised_contrast_by_hand(head: FusionHead) -> None:
    """The cosines are 0.6, 0 and 0.8; the third vector has no partner and does not count."""
    temperature, total = 0.1, 0.0
    for own, other in ((0.6, 0.0), (0.6, 0.8)):
        total -= math.log(math.exp(own / temperature) / (math.exp(own / temperature) + math.exp(other / temperature)))
    loss = build_metric_loss(head, TrainConfig(metric="supcon"))
    assert loss(VECTORS, LABELS).item() == pytest.approx(total / 2, rel=1e-4)


def test_proxy_anchor_by_hand(head: FusionHead) -> None:
    """Eq. 4 of Kim et al. with proxies along the axes, two of which have a positive."""
    loss = build_metric_loss(head, TrainConfig(metric="proxy"))
    assert loss.proxies.shape == (3, 8)
    loss.proxies = nn.Parameter(torch.eye(3))
    vectors = torch.nn.functional.pad(VECTORS, (0, 1))
    cosines, positive, negative = (vectors / vectors.norm(dim=1, keepdim=True)).tolist(), 0.0, 0.0
    for proxy in range(3):
        pulls = [math.exp(-32 * (c[proxy] - 0.1)) for c, label in zip(cosines, LABELS.tolist()) if label == proxy]
        pushes = [math.exp(32 * (c[proxy] + 0.1)) for c, label in zip(cosines, LABELS.tolist()) if label != proxy]
        positive += math.log1p(sum(pulls)) / 2
        negative += math.log1p(sum(pushes)) / 3
    assert loss(vectors, LABELS).item() == pytest.approx(positive + negative, rel=1e-4)


def test_none_is_none_and_other_methods_have_none(head: FusionHead) -> None:
    assert build_metric_loss(head, TrainConfig()) is None
    with pytest.raises(ConfigError, match="metric='proxy': expected 'none' for a method with a loss of its own"):
        build_metric_loss(nn.Linear(2, 2), TrainConfig(metric="proxy"))


def gradient(head: FusionHead, batch: dict[str, Tensor], config: TrainConfig) -> tuple[float, Tensor]:
    module = ActionModule(head, config)
    module.manual_backward = torch.Tensor.backward
    return module.learn(batch).item(), head.classifier[0].weight.grad.clone()


def test_it_stands_beside_the_cross_entropy_by_its_weight(head: FusionHead, toy) -> None:
    head.eval()  # no dropout
    items = [toy(6)[i] for i in range(6)]
    batch = {name: torch.stack([item[name] for item in items]) for name in ("tokens", "mask", "target")}
    plain, _ = gradient(head, batch, TrainConfig())
    supcon = build_metric_loss(head, TrainConfig(metric="supcon"))
    beside = supcon(head(batch["tokens"], batch["mask"]).embedding, batch["target"].argmax(1)).item()
    assert beside > 0
    for weight in (0.0, 0.5, 2.0):
        found, _ = gradient(head, batch, TrainConfig(metric="supcon", metric_weight=weight))
        assert found == pytest.approx(plain + weight * beside, rel=1e-4)


@pytest.mark.parametrize("metric", ["supcon", "proxy"])
def test_a_run_with_it_trains_and_resumes(
    metric: str, head: FusionHead, toy, quick: TrainConfig, tmp_path: Path
) -> None:
    config = replace(quick, metric=metric)
    with pytest.raises(RuntimeError, match="the power is gone"):
        fit(head, toy(12, fail_at=16), None, config, tmp_path, progress=False)
    assert fit(head, toy(12), None, config, tmp_path, progress=False).epochs == 3
    saved = torch.load(tmp_path / "last.ckpt", weights_only=False)["state_dict"]
    assert ("metric.proxies" in saved) == (metric == "proxy")
