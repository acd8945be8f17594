import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from actret_core.config import config_from_dict
from actret_core.errors import ConfigError
from actret_core.training.config import TrainConfig

BAD = [
    ("schedule", "linear"), ("precision", "16"), ("epochs", 0), ("batch_size", 0), ("batch_size", 1),
    ("patience", 0), ("lr", 0), ("lr", -1e-3), ("held_out", 1.0), ("held_out", -0.1),
    ("label_smoothing", 1.0), ("mixup", -0.2), ("weight_decay", -1), ("clip", -1), ("workers", -1),
    ("min_crop", 0), ("min_crop", 1.5), ("jitter", -0.1),
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


def test_a_config_survives_json() -> None:
    config = TrainConfig(schedule="onecycle", multi_label=True, seed=3)
    assert config_from_dict(TrainConfig, json.loads(json.dumps(asdict(config)))) == config


def test_the_defaults_are_section_4_1() -> None:
    config = TrainConfig()
    assert (config.epochs, config.batch_size, config.lr) == (150, 128, 3e-5)
    assert config.mixup > 0 and config.held_out > 0, "mix-up, and early stopping on a held-out part"
