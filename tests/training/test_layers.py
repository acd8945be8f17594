import pytest
import torch
from torch import nn

from actret_core.models.config import RegionNetConfig
from actret_core.models.fusion import FusionHead
from actret_core.models.region_net import RegionNet
from actret_core.training.config import TrainConfig
from actret_core.training.schedule import backbone_stages, parameter_groups
from actret_core.training.schedule import build_optimizer, build_schedule

HALF = TrainConfig(lr=0.8, layer_decay=0.5)


def rates(model: nn.Module, config: TrainConfig = HALF, metric: nn.Module | None = None) -> dict[int, float]:
    """The rate of each parameter, by its id."""
    return {id(p): group["lr"] for group in parameter_groups(model, metric, config) for p in group["params"]}


def test_each_stage_learns_half_as_fast_as_the_next() -> None:
    """By hand: 0.8 above the backbone, then 0.4, 0.2, 0.1, 0.05, and 0.025 in the stem."""
    with torch.device("meta"):
        model = RegionNet(RegionNetConfig(blocks=1))
    found, backbone = rates(model), model.backbone
    assert found.keys() == {id(p) for p in model.parameters()}
    expected = [0.4, 0.2, 0.1, 0.05, 0.025]
    for stage, rate in zip([*reversed(backbone.layers), backbone.stem], expected, strict=True):
        assert [found[id(p)] for p in stage.parameters()] == pytest.approx([rate] * len(list(stage.parameters())))
    assert {found[id(p)] for p in model.head.parameters()} == {0.8}


def test_a_tail_is_one_stage() -> None:
    with torch.device("meta"):
        model = RegionNet(RegionNetConfig(on_maps=True, blocks=1))
    assert len(backbone_stages(model)) == 1
    assert set(rates(model).values()) == {0.8, 0.4}


def test_without_decay_there_is_one_group(head: FusionHead) -> None:
    for config in (TrainConfig(), HALF):
        (group,) = parameter_groups(head, None, config)
        assert group["lr"] == config.lr and len(group["params"]) == len(list(head.parameters()))


def test_proxies_learn_a_hundred_times_as_fast(head: FusionHead) -> None:
    proxies = nn.Linear(3, 3)
    found = rates(head, TrainConfig(lr=1e-3), proxies)
    assert found[id(proxies.weight)] == pytest.approx(0.1)
    assert {found[id(p)] for p in head.parameters()} == {1e-3}


@pytest.mark.parametrize("schedule", ["cosine", "onecycle"])
def test_a_schedule_keeps_the_proportions(schedule: str) -> None:
    model = RegionNet(RegionNetConfig(classes=3, backbone="small", image_size=32, k=2, blocks=1, heads=2, ffn=8))
    config = TrainConfig(lr=0.8, layer_decay=0.5, schedule=schedule, epochs=1)
    optimizer = build_optimizer(parameter_groups(model, None, config), config)
    steps = build_schedule(optimizer, config, 10)
    for _ in range(9):
        optimizer.step(), steps.step()
        above, last, *_, first = [group["lr"] for group in optimizer.param_groups]
        assert last == pytest.approx(above / 2, rel=1e-3) and first == pytest.approx(above / 16, rel=1e-3)
