import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from actret_core.training.config import TrainConfig
from actret_core.training.schedule import build_optimizer, build_schedule, rate

PLAIN = TrainConfig(epochs=10, lr=0.5)


def rates(config: TrainConfig, steps: int = 100) -> list[float]:
    return [rate(config, step, steps) for step in range(steps)]


def test_a_constant_rate() -> None:
    assert set(rates(PLAIN)) == {1.0}


def test_linear_and_cosine_go_to_zero() -> None:
    linear, cosine = (rates(replace(PLAIN, schedule=name)) for name in ("linear", "cosine"))
    assert linear[0] == cosine[0] == 1 and linear[50] == cosine[50] == pytest.approx(0.5)
    assert linear[99] == pytest.approx(0.01) and cosine[99] == pytest.approx((1 + math.cos(0.99 * math.pi)) / 2)


def test_a_tenth_at_each_milestone() -> None:
    """Epochs 4 and 7 of ten, of ten batches each."""
    found = rates(replace(PLAIN, schedule="multistep", milestones=(4, 7)))
    assert found[:40] == [1] * 40
    assert found[40:70] == pytest.approx([0.1] * 30) and found[70:] == pytest.approx([0.01] * 30)


def test_a_warm_up_rises_in_a_line() -> None:
    found = rates(replace(PLAIN, warmup=1))
    assert found[:11] == pytest.approx([*((i + 1) / 11 for i in range(10)), 1]) and set(found[10:]) == {1.0}
    cosine = rates(replace(PLAIN, warmup=1, schedule="cosine"))
    assert cosine[10] == 1 and cosine[55] == pytest.approx(0.5)


def test_milestones_count_the_warm_up_s_epochs() -> None:
    found = rates(replace(PLAIN, warmup=2, schedule="multistep", milestones=(4,)))
    assert found[39] == 1 and found[40] == pytest.approx(0.1)


def test_the_scheduler_does_what_rate_says() -> None:
    config = replace(PLAIN, warmup=1, schedule="cosine")
    optimizer = build_optimizer(nn.Linear(2, 1).parameters(), config)
    schedule, found = build_schedule(optimizer, config, 30), []
    for _ in range(30):
        found.append(optimizer.param_groups[0]["lr"] / 0.5)
        optimizer.step()
        schedule.step()
    assert found == pytest.approx(rates(config, 30))


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)])
def test_adam_and_its_decoupled_kin(name: str, kind: type) -> None:
    optimizer = build_optimizer(nn.Linear(2, 1).parameters(), replace(PLAIN, optimizer=name, weight_decay=0.3))
    assert type(optimizer) is kind
    assert optimizer.defaults["lr"] == 0.5 and optimizer.defaults["weight_decay"] == 0.3


def test_nesterov_by_hand() -> None:
    """Two steps of gradient 1 at rate 0.1: the velocity is 1, then 1.9; the step is gradient + 0.9 velocity."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = build_optimizer([weight], replace(PLAIN, optimizer="sgd", lr=0.1, weight_decay=0.0))
    for expected in (-0.1 * 1.9, -0.1 * (1.9 + 1 + 0.9 * 1.9)):
        weight.grad = torch.ones(1)
        optimizer.step()
        assert weight.item() == pytest.approx(expected)
