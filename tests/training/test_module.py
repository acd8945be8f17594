import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from actret_core.data.transforms import mix_up
from actret_core.models.fusion import Output
from actret_core.training.config import TrainConfig
from actret_core.training.module import ActionModule, action_loss

LOGITS = [[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]]


def naive_cross_entropy(logits: list[list[float]], targets: list[list[float]]) -> float:
    """Eq. 6, -sum p log q, averaged over the batch."""
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        z = sum(math.exp(v) for v in row)
        total -= sum(p * math.log(math.exp(v) / z) for p, v in zip(target, row, strict=True))
    return total / len(logits)


@pytest.mark.parametrize(
    "targets", [[[1.0, 0, 0], [0, 0, 1.0]], [[0.7, 0.3, 0], [0, 0.1, 0.9]]], ids=["one action", "mixed up"]
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equation_6_by_hand(targets: list[list[float]], smoothing: float) -> None:
    """Label smoothing moves a share of the probability to all C actions alike."""
    smooth = [[(1 - smoothing) * p + smoothing / 3 for p in row] for row in targets]
    found = action_loss(torch.tensor(LOGITS), torch.tensor(targets), TrainConfig(label_smoothing=smoothing))
    assert found.item() == pytest.approx(naive_cross_entropy(LOGITS, smooth), abs=1e-6)


def test_several_actions_a_person_by_hand() -> None:
    targets, total = [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], 0.0
    for row, target in zip(LOGITS, targets, strict=True):
        for v, p in zip(row, target, strict=True):
            q = 1 / (1 + math.exp(-v))
            total -= p * math.log(q) + (1 - p) * math.log(1 - q)
    found = action_loss(torch.tensor(LOGITS), torch.tensor(targets), TrainConfig(multi_label=True))
    assert found.item() == pytest.approx(total / 6, abs=1e-6)


def test_uniform_logits_cost_log_c() -> None:
    loss = action_loss(torch.zeros(4, 40), torch.eye(40)[:4], TrainConfig())
    assert loss.item() == pytest.approx(math.log(40))


class Picture(nn.Module):
    """The smallest model with an image: convolution, batch norm, mean; it leaves the batch's index alone."""

    inputs = ("image",)

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.head = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm1d(4)

    def forward(self, image: Tensor) -> Output:
        embedding = self.head(self.bn(self.conv(image)).mean((2, 3)))
        return Output(embedding, embedding[:, :3])


@pytest.fixture
def batch() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {"image": torch.randn(6, 3, 4, 4), "target": torch.eye(3).repeat(2, 1), "index": torch.arange(6)}


def step(config: TrainConfig, batch: dict[str, Tensor]) -> tuple[ActionModule, Tensor]:
    """One training step from fixed weights."""
    torch.manual_seed(1)
    module = ActionModule(Picture(), config).train()
    module.log = lambda *_, **__: None
    module.on_train_epoch_start()
    optimizer = torch.optim.AdamW(module.parameters(), 0.1)
    loss = module.training_step(batch, 0)
    loss.backward()
    optimizer.step()
    return module, loss.detach()


def test_frozen_statistics_stay_while_scale_and_shift_learn(batch: dict[str, Tensor]) -> None:
    fresh = nn.BatchNorm2d(4)
    for frozen in (True, False):
        bn = step(TrainConfig(mixup=0.0, freeze_bn_stats=frozen), batch)[0].model.bn
        kept = torch.equal(bn.running_mean, fresh.running_mean) and torch.equal(
            bn.running_var, fresh.running_var
        )
        assert kept == frozen and bn.training == (not frozen)
        assert not torch.equal(bn.weight, fresh.weight) and not torch.equal(bn.bias, fresh.bias)


def test_only_the_backbone_s_batch_norm_is_frozen(batch: dict[str, Tensor]) -> None:
    head = step(TrainConfig(mixup=0.0, freeze_bn_stats=True), batch)[0].model.head
    assert head.training and head.running_mean.any()


def test_mix_up_mixes_images_and_targets_alike(batch: dict[str, Tensor]) -> None:
    config = TrainConfig(mixup=0.4)
    torch.manual_seed(1)
    model = Picture().train()  # the same random numbers as in `step`
    image, target = mix_up(batch["image"], batch["target"], 0.4)
    assert not torch.equal(image, batch["image"])
    expected = action_loss(model(image).logits, target, config)
    torch.testing.assert_close(step(config, batch)[1], expected.detach())
    assert step(replace(config, mixup=0.0), batch)[1] != expected


def test_the_batch_itself_is_not_changed(batch: dict[str, Tensor]) -> None:
    before = {name: value.clone() for name, value in batch.items()}
    step(TrainConfig(mixup=0.4), batch)
    assert all(torch.equal(before[name], batch[name]) for name in before)


@pytest.mark.parametrize(("clip", "norm"), [(1.0, 1.0), (0.0, 50.0)])
def test_the_gradient_is_clipped_to_its_norm(clip: float, norm: float) -> None:
    module = ActionModule(nn.Linear(3, 1, bias=False), TrainConfig(clip=clip))
    module.model.weight.grad = torch.tensor([[30.0, 40.0, 0.0]])
    module.on_before_optimizer_step(torch.optim.SGD(module.parameters(), 0.1))
    assert module.model.weight.grad.norm().item() == pytest.approx(norm, rel=1e-4)


@pytest.mark.parametrize(
    ("schedule", "first", "last"), [("constant", 1.0, 1.0), ("cosine", 1.0, 0.0), ("onecycle", 0.04, 0.0)]
)
def test_schedules_step_every_batch(schedule: str, first: float, last: float) -> None:
    module = ActionModule(nn.Linear(3, 1), TrainConfig(lr=0.5, schedule=schedule))
    module._trainer = type("Steps", (), {"estimated_stepping_batches": 20})()
    made = module.configure_optimizers()
    assert made["lr_scheduler"]["interval"] == "step"
    rates = []
    for _ in range(20):
        rates.append(made["optimizer"].param_groups[0]["lr"] / 0.5)
        made["optimizer"].step()
        made["lr_scheduler"]["scheduler"].step() if len(rates) < 20 else None
    assert rates[0] == pytest.approx(first) and rates[-1] == pytest.approx(last, abs=0.01)
    assert max(rates) == pytest.approx(1.0, abs=0.01)
