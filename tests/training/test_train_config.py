import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from actret_core.config import config_from_dict
from actret_core.data.augment import Augment
from actret_core.errors import ConfigError
from actret_core.training.config import TrainConfig

BAD = [
    ("schedule", "triangular"), ("precision", "16"), ("epochs", 0), ("batch_size", 0), ("batch_size", 1),
    ("patience", 0), ("lr", 0), ("lr", -1e-3), ("held_out", 1.0), ("held_out", -0.1),
    ("label_smoothing", 1.0), ("mixup", -0.2), ("weight_decay", -1), ("clip", -1), ("workers", -1),
    ("min_crop", 0), ("min_crop", 1.5), ("jitter", -0.1),
    ("optimizer", "lion"), ("warmup", -1), ("warmup", 150), ("per_class", -1), ("per_class", 3), ("pad_crop", -1),
    ("erasing", 1.5), ("erasing", -0.1), ("milestones", (5,)),
    ("epochs", 6.5), ("batch_size", "64"), ("lr", "fast"), ("compile", 1), ("clip", True), ("milestones", 5),
    ("metric", "triplet"), ("metric_weight", -1), ("ema", 1.0), ("ema", -0.1), ("layer_decay", 0), ("layer_decay", 1.1),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        config_from_dict(TrainConfig, {field: value})


@pytest.mark.parametrize(
    ("key", "near"), [("batchsize", "batch_size"), ("epoch", "epochs"), ("mix_up", "mixup")]
)
def test_an_unknown_key_names_the_near_miss(key: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"TrainConfig has no field '{key}'; did you mean '{near}'?"):
        config_from_dict(TrainConfig, {key: 1})


@pytest.mark.parametrize("milestones", [(), (0,), (7, 5), (5, 5), (150,)])
def test_milestones_rise_within_the_training(milestones: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"milestones={milestones!r}: expected rising epochs")):
        TrainConfig(schedule="multistep", milestones=milestones)


def test_a_cycle_has_its_own_rise() -> None:
    with pytest.raises(ConfigError, match="warmup=2: expected 0 for the schedule 'onecycle'"):
        TrainConfig(schedule="onecycle", warmup=2)


def test_a_person_of_several_actions_has_no_metric_loss() -> None:
    with pytest.raises(ConfigError, match="metric='supcon': expected 'none' where a person has several actions"):
        TrainConfig(metric="supcon", multi_label=True)


def test_nothing_beyond_the_paper_is_on() -> None:
    config = TrainConfig()
    assert (config.metric, config.ema, config.layer_decay) == ("none", 0, 1)


def test_training_pictures_are_augmented_as_it_says() -> None:
    config = TrainConfig(min_crop=0.7, pad_crop=3, jitter=0.1, erasing=0.4)
    assert config.augment == Augment(min_crop=0.7, pad_crop=3, jitter=0.1, erasing=0.4, mirror=0.5)


def test_a_config_survives_json() -> None:
    config = TrainConfig(schedule="multistep", milestones=(40, 70), multi_label=True, seed=3)
    assert config_from_dict(TrainConfig, json.loads(json.dumps(asdict(config)))) == config


def test_the_defaults_are_section_4_1() -> None:
    config = TrainConfig()
    assert (config.epochs, config.batch_size, config.lr) == (150, 128, 3e-5)
    assert config.mixup > 0 and config.held_out > 0, "mix-up, and early stopping on a held-out part"
