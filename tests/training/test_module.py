import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actret_core.data.transforms import mix_share, mix_up
from actret_core.errors import ConfigError
from actret_core.models.config import Output
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
    module.manual_backward = torch.Tensor.backward
    module.on_train_epoch_start()
    optimizer = torch.optim.AdamW(module.parameters(), 0.1)
    loss = module.learn(batch)
    optimizer.step()
    return module, loss


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


@pytest.fixture
def module_of(monkeypatch: pytest.MonkeyPatch):
    """A module in an epoch of a training, or of a validation."""

    def make(config: TrainConfig, epoch: int = 0, training: bool = True, **prepare) -> ActionModule:
        trainer = SimpleNamespace(training=training, current_epoch=epoch, global_rank=0)
        monkeypatch.setattr(ActionModule, "trainer", trainer)
        monkeypatch.setattr(ActionModule, "current_epoch", epoch)
        module = ActionModule(Picture(), config, **prepare)
        module.on_train_epoch_start()
        return module

    return make


def test_mix_up_mixes_images_and_targets_alike(module_of, batch: dict[str, Tensor]) -> None:
    mixed = module_of(TrainConfig(mixup=0.4, seed=3)).on_after_batch_transfer(batch, 0)
    rng = np.random.default_rng([3, 0, 0])
    rng.integers(2**63), rng.integers(2**63)                             # the seeds of pictures and of dropout
    image, target = mix_up(batch["image"], batch["target"], mix_share(0.4, rng))
    assert torch.equal(mixed["image"], image) and torch.equal(mixed["target"], target)
    assert torch.equal(mixed["index"], batch["index"]) and not torch.equal(image, batch["image"])


def test_what_is_held_out_is_not_mixed(module_of, batch: dict[str, Tensor]) -> None:
    assert module_of(TrainConfig(mixup=0.4), training=False).on_after_batch_transfer(batch, 0) is batch
    assert module_of(TrainConfig(mixup=0.0)).on_after_batch_transfer(batch, 0) is batch


def test_batches_are_prepared_with_the_random_numbers_of_the_epoch(module_of, batch: dict[str, Tensor]) -> None:
    """A resumed run sees in its third epoch what it would have seen; another seed or epoch sees other things."""

    def prepare(batch: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        return batch | {"random": torch.rand(3, generator=generator)}

    def drawn(seed: int, epoch: int) -> list[float]:
        module = module_of(TrainConfig(mixup=0.0, seed=seed), epoch, prepare=prepare)
        return [module.on_after_batch_transfer(batch, 0)["random"].tolist() for _ in range(2)]

    assert drawn(0, 2) == drawn(0, 2) and drawn(0, 2)[0] != drawn(0, 2)[1]
    assert len({tuple(drawn(*given)[0]) for given in ((0, 2), (0, 1), (1, 2), (1, 1))}) == 4


def test_the_held_out_part_has_its_own_preparation(module_of, batch: dict[str, Tensor]) -> None:
    ways = {"prepare": lambda b, _: b | {"by": "train"}, "prepare_held": lambda b, _: b | {"by": "held out"}}
    for training, by in ((True, "train"), (False, "held out")):
        module = module_of(TrainConfig(mixup=0.0), training=training, **ways)
        assert module.on_after_batch_transfer(batch, 0)["by"] == by


def test_what_is_held_out_is_prepared_without_the_epoch_s_generator(module_of, batch: dict[str, Tensor]) -> None:
    """Before the first epoch that is the CPU's, and the batch may be on a GPU."""
    given = []
    module = module_of(TrainConfig(mixup=0.0), training=False, prepare_held=lambda b, g: given.append(g) or b)
    module.on_after_batch_transfer(batch, 0)
    assert given == [None]


def test_the_batch_itself_is_not_changed(batch: dict[str, Tensor]) -> None:
    before = {name: value.clone() for name, value in batch.items()}
    step(TrainConfig(mixup=0.4), batch)
    assert all(torch.equal(before[name], batch[name]) for name in before)


class Hungry(nn.Module):
    """A linear model of the mean color that knows no batch norm, and runs out of memory above `most` samples."""

    inputs = ("image",)

    def __init__(self, most: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.most, self.seen = nn.Linear(3, 3), most, []

    def forward(self, image: Tensor) -> Output:
        self.seen.append(len(image))
        if len(image) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        out = self.linear(image.mean((2, 3)))
        return Output(out, out)


def learned(most: int, batch: dict[str, Tensor]) -> tuple[ActionModule, Tensor, Tensor]:
    module = ActionModule(Hungry(most), TrainConfig(mixup=0.0)).train()
    module.manual_backward = torch.Tensor.backward
    loss = module.learn(batch)
    return module, loss, module.model.linear.weight.grad


@pytest.mark.parametrize(
    ("most", "seen", "halved"),
    [(6, [6], ()), (5, [6, 3, 3], (3,)), (3, [6, 3, 3], (3,)), (2, [6, 3, 2, 2, 2], (3, 2))],
)
def test_out_of_memory_a_batch_is_split_into_parts(
    most: int, seen: list[int], halved: tuple[int, ...], batch: dict[str, Tensor], capsys: pytest.CaptureFixture
) -> None:
    """With the same gradient and loss; later batches are split at once."""
    module, loss, gradient = learned(most, batch)
    whole, expected_loss, expected = learned(6, batch)
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(loss, expected_loss)
    assert module.model.seen == seen and module.halved == halved
    lines = capsys.readouterr().out.splitlines()
    expected = [f"out of memory: batches are now split into parts of {n}, whose gradients are added" for n in halved]
    assert lines == expected
    module.model.seen.clear()
    module.learn(batch)
    assert module.model.seen == seen[len(halved) :] and not capsys.readouterr().out


def test_a_failed_attempt_leaves_no_gradient(batch: dict[str, Tensor]) -> None:
    """The second part of the first attempt fails, after the first has left its gradient."""
    module = ActionModule(Hungry(3), TrainConfig(mixup=0.0)).train()
    backward, passed = torch.Tensor.backward, []

    def failing(loss: Tensor) -> None:
        passed.append(loss)
        if len(passed) == 2:
            raise torch.OutOfMemoryError
        backward(loss)

    module.manual_backward = failing
    module.halved = (3,)
    module.learn(batch)
    torch.testing.assert_close(module.model.linear.weight.grad, learned(6, batch)[2])
    assert module.halved == (3, 2)


def test_too_little_memory_for_two_samples(batch: dict[str, Tensor]) -> None:
    wanted = "batch_size=6: expected a smaller model or image: two samples are out of memory"
    with pytest.raises(ConfigError, match=wanted):
        learned(1, batch)


def test_a_resumed_run_remembers_its_parts(batch: dict[str, Tensor]) -> None:
    module, checkpoint = learned(2, batch)[0], {}
    module.on_save_checkpoint(checkpoint)
    other = ActionModule(Hungry(2), TrainConfig())
    other.on_load_checkpoint(checkpoint)
    assert other.halved == (3, 2)


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
