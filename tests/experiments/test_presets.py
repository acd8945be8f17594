from dataclasses import fields, replace

import pytest
import torch

from actret_core.data.playground import PLAYGROUND_ACTIONS
from actret_core.errors import ConfigError
from actret_core.experiments.presets import CPU, DEMO, FROZEN, PAPER, PLUS, TABLE, find_preset, presets_of, reduced
from actret_core.experiments.record import TIERS
from actret_core.models.config import RegionNetConfig
from actret_core.models.methods import METHODS, build_model, method_of
from actret_core.training.config import TrainConfig

RIVALS = [method for method in METHODS if method != "region_net"]
NAMES = ("demo", "cpu", "full")


def test_every_method_has_all_presets_and_each_its_tier() -> None:
    assert list(TABLE) == list(METHODS)
    for method, presets in TABLE.items():
        assert tuple(presets)[:3] == NAMES and [p.tier for p in presets.values()] == list(presets)
        assert all(method_of(preset.model) == method and preset.tier in TIERS for preset in presets.values())
        assert (presets["cpu"].pairs is not None) == (method == "rrt")


@pytest.mark.parametrize("method", METHODS)
def test_every_preset_builds(method: str) -> None:
    for name, preset in TABLE[method].items():
        with torch.device("cpu" if preset.model.backbone == "small" else "meta"):
            model = build_model(preset.model)
        if name == "demo":
            assert preset.model.classes == len(PLAYGROUND_ACTIONS) == 12 and preset.model.image_size == 128
            assert sum(p.numel() for p in model.parameters()) < 2_000_000, "a laptop's"
            assert all(t.precision == "32-true" for t in (preset.train, preset.pairs) if t), "the same on every machine"


def test_plus_is_the_paper_s_setting_until_a_part_is_switched_on() -> None:
    assert (PLUS.model, PLUS.train, PLUS.tier) == (PAPER.model, PAPER.train, "plus")
    assert (PLUS.model.pooling, PLUS.model.flip_test) == ("max", False)


def test_the_paper_s_preset_is_the_defaults() -> None:
    assert PAPER.model == RegionNetConfig() and PAPER.train == TrainConfig()


def test_the_cpu_preset_reduces_the_training_and_not_the_model() -> None:
    assert all(presets["cpu"].model == presets["full"].model for presets in TABLE.values())
    differ = {f.name for f in fields(TrainConfig) if getattr(CPU.train, f.name) != getattr(PAPER.train, f.name)}
    assert {"epochs", "batch_size", "freeze_bn_stats"} <= differ and CPU.train.epochs < PAPER.train.epochs


@pytest.mark.parametrize(("name", "ours"), [("demo", DEMO), ("cpu", CPU)])
def test_all_share_schedule_and_augmentation(name: str, ours: object) -> None:
    """What a rival's own loss needs may differ: its label smoothing, and batches with positives for triplets."""
    for method in RIVALS:
        theirs = TABLE[method][name].train
        differ = {f.name for f in fields(TrainConfig) if getattr(theirs, f.name) != getattr(ours.train, f.name)}
        assert differ <= {"label_smoothing", "per_class"}, method
        assert theirs.per_class == (4 if method == "strong_reid" else 0), method


def test_the_authors_schedules() -> None:
    strong, delg, token, rrt = (TABLE[name]["full"] for name in ("strong_reid", "delg", "token", "rrt"))
    t = strong.train
    assert (t.optimizer, t.lr, t.weight_decay) == ("adam", 3.5e-4, 5e-4)
    assert (t.epochs, t.milestones, t.warmup) == (120, (40, 70), 10)
    assert (t.batch_size, t.per_class, t.pad_crop, t.erasing) == (64, 4, 10, 0.5)
    assert (delg.train.optimizer, delg.train.lr, delg.train.schedule) == ("sgd", 0.01, "linear")
    t = token.train
    assert (t.optimizer, t.lr / t.batch_size, t.epochs, t.warmup, t.schedule) == ("sgd", 0.01 / 256, 30, 5, "cosine")
    assert (rrt.pairs.optimizer, rrt.pairs.lr, rrt.model.top) == ("adamw", 1e-4, 100) and rrt.train == delg.train


def test_reduced_learns_the_last_stage_on_maps() -> None:
    preset = reduced(CPU)
    assert preset.on_maps and not CPU.on_maps and FROZEN.on_maps
    assert (preset.train.epochs, preset.train.mixup, preset.tier) == (5, 0.0, "cpu")
    assert preset == find_preset("region_net", "reduced")


def test_presets_are_found_by_name() -> None:
    assert find_preset("delg", "full") is TABLE["delg"]["full"] and find_preset("region_net", "demo") is DEMO
    assert list(presets_of("delg")) == [*NAMES, "reduced"]
    assert list(presets_of("region_net")) == [*NAMES, "plus", "reduced", "frozen", "plus_reduced", "plus_frozen"]
    with pytest.raises(ConfigError, match="preset='tiny': expected one of demo, cpu, full, reduced for token"):
        find_preset("token", "tiny")
    with pytest.raises(ConfigError, match="preset='frozen'"):
        find_preset("delg", "frozen")
    with pytest.raises(ConfigError, match="method='delf': expected one of region_net"):
        find_preset("delf", "cpu")


def test_a_change_makes_another_preset_and_a_record_says_all_of_it() -> None:
    changed = CPU.changed({"blocks": 1}, {"epochs": 2, "milestones": [1], "schedule": "multistep"})
    assert (changed.model.blocks, changed.train.epochs, changed.train.milestones) == (1, 2, (1,))
    assert CPU.model.blocks == 3 and changed.tier == "cpu"
    assert CPU.as_config().keys() == {"model", "train"} and CPU.as_config()["train"]["epochs"] == 10
    assert FROZEN.as_config()["token_dim"] == 96
    assert TABLE["rrt"]["cpu"].as_config().keys() == {"model", "train", "pairs"}
    assert replace(TABLE["rrt"]["cpu"], pairs=None).as_config().keys() == {"model", "train"}
