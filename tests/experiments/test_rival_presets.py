from dataclasses import fields, replace

import pytest
import torch

from actret_core.data.playground import PLAYGROUND_ACTIONS
from actret_core.errors import ConfigError
from actret_core.models.methods import METHODS, build_model, method_of
from actret_core.experiments.presets import CPU, DEMO, PAPER
from actret_core.experiments.presets import RIVALS, find_preset
from actret_core.training.config import TrainConfig

NAMES = ("demo", "cpu", "full")


def test_every_rival_has_all_three_presets() -> None:
    assert {"strong_reid", "delg", "token", "rrt"} <= set(RIVALS) <= set(METHODS) - {"region_net"}
    for method, presets in RIVALS.items():
        assert tuple(presets) == NAMES and [p.tier for p in presets.values()] == list(NAMES)
        assert all(method_of(preset.model) == method for preset in presets.values())


@pytest.mark.parametrize("method", RIVALS)
@pytest.mark.parametrize("name", NAMES)
def test_every_preset_builds(method: str, name: str) -> None:
    preset = RIVALS[method][name]
    with torch.device("cpu" if preset.model.backbone == "small" else "meta"):
        model = build_model(preset.model)
    assert (preset.pairs is not None) == (method == "rrt")
    if name == "demo":
        assert preset.model.classes == len(PLAYGROUND_ACTIONS) and preset.model.image_size == 128
        assert sum(p.numel() for p in model.parameters()) < 2_000_000
        assert preset.train.precision == "32-true" and (not preset.pairs or preset.pairs.precision == "32-true")


@pytest.mark.parametrize("method", RIVALS)
@pytest.mark.parametrize(("name", "ours"), [("demo", DEMO), ("cpu", CPU)])
def test_all_share_schedule_and_augmentation(method: str, name: str, ours: object) -> None:
    """What a rival's own loss needs may differ: its label smoothing, and batches with positives for triplets."""
    theirs = RIVALS[method][name].train
    differ = {f.name for f in fields(TrainConfig) if getattr(theirs, f.name) != getattr(ours.train, f.name)}
    assert differ <= {"label_smoothing", "per_class"}
    assert theirs.per_class == (4 if method == "strong_reid" else 0)


def test_the_cpu_preset_reduces_no_model() -> None:
    assert all(presets["cpu"].model == presets["full"].model for presets in RIVALS.values())


def test_the_authors_schedules() -> None:
    strong, delg, token, rrt = (RIVALS[name]["full"] for name in ("strong_reid", "delg", "token", "rrt"))
    t = strong.train
    assert (t.optimizer, t.lr, t.weight_decay) == ("adam", 3.5e-4, 5e-4)
    assert (t.epochs, t.milestones, t.warmup) == (120, (40, 70), 10)
    assert (t.batch_size, t.per_class, t.pad_crop, t.erasing) == (64, 4, 10, 0.5)
    assert (delg.train.optimizer, delg.train.lr, delg.train.schedule) == ("sgd", 0.01, "linear")
    t = token.train
    assert (t.optimizer, t.lr / t.batch_size, t.epochs, t.warmup, t.schedule) == ("sgd", 0.01 / 256, 30, 5, "cosine")
    assert (rrt.pairs.optimizer, rrt.pairs.lr, rrt.model.top) == ("adamw", 1e-4, 100) and rrt.train == delg.train


def test_presets_are_found_by_name() -> None:
    assert find_preset("delg", "paper") is find_preset("delg", "full") is RIVALS["delg"]["full"]
    assert find_preset("region_net", "paper") is find_preset("region_net", "full") is PAPER
    assert find_preset("region_net", "demo") is DEMO
    with pytest.raises(ConfigError, match="preset='tiny': expected one of demo, cpu, full, reduced for token"):
        find_preset("token", "tiny")
    with pytest.raises(ConfigError, match="method='delf': expected one of region_net"):
        find_preset("delf", "cpu")


def test_presets_can_be_changed() -> None:
    assert replace(RIVALS["rrt"]["cpu"], pairs=None).pairs is None
