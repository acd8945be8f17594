from dataclasses import fields

import pytest
import torch

from actret_core.data.playground import PLAYGROUND_ACTIONS
from actret_core.models.config import RegionNetConfig
from actret_core.models.region_net import RegionNet
from actret_core.experiments.presets import CPU, DEMO, PAPER, PRESETS
from actret_core.experiments.record import TIERS
from actret_core.training.config import TrainConfig


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_has_a_tier(name: str) -> None:
    preset = PRESETS[name]
    assert preset.tier in TIERS
    with torch.device("cpu" if preset.model.backbone == "small" else "meta"):
        assert RegionNet(preset.model).config is preset.model


def test_plus_is_the_paper_s_setting_until_a_part_is_switched_on() -> None:
    plus = PRESETS["plus"]
    assert (plus.model, plus.train, plus.tier) == (PAPER.model, PAPER.train, "plus")
    assert (plus.model.pooling, plus.model.flip_test) == ("max", False)


def test_tiers_are_not_shared() -> None:
    assert len({p.tier for p in PRESETS.values()}) == len(PRESETS)


def test_the_demo_fits_the_playground_and_a_laptop() -> None:
    assert DEMO.model.classes == len(PLAYGROUND_ACTIONS) == 12
    assert sum(p.numel() for p in RegionNet(DEMO.model).parameters()) < 1_000_000
    assert DEMO.train.precision == "32-true", "the same numbers on every machine"


def test_the_paper_s_preset_is_the_defaults() -> None:
    assert PAPER.model == RegionNetConfig() and PAPER.train == TrainConfig()


def test_the_cpu_preset_reduces_the_training_and_not_the_model() -> None:
    assert CPU.model == PAPER.model
    differ = {
        f.name for f in fields(TrainConfig) if getattr(CPU.train, f.name) != getattr(PAPER.train, f.name)
    }
    assert {"epochs", "batch_size", "freeze_bn_stats"} <= differ and CPU.train.epochs < PAPER.train.epochs
