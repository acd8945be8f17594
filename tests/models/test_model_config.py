import json
import re
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest

from actret_core.config import config_from_dict
from actret_core.errors import ConfigError
from actret_core.models.config import RegionNetConfig

BAD = [
    ("backbone", "resnet51"), ("position", "row"), ("features", ""), ("features", "agx"), ("features", "aa"),
    ("classes", 0), ("image_size", 0), ("k", 0), ("roi_size", 0), ("blocks", 0), ("heads", 0), ("ffn", 0),
    ("hidden", 0), ("dropout", 1.0), ("dropout", -0.1), ("min_score", 1.5), ("min_score", -0.1),
    ("max_iou", 1.1), ("max_iou", -0.1), ("pooling", "mean"),
    ("blocks", "6"), ("blocks", 2.0), ("k", True), ("dropout", "low"), ("fusion", "yes"), ("features", 3),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        config_from_dict(RegionNetConfig, {field: value})


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("block", "blocks"),
        ("imagesize", "image_size"),
        ("feature", "features"),
        ("type_embeding", "type_embedding"),
    ],
)
def test_an_unknown_key_names_the_near_miss(key: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"RegionNetConfig has no field '{key}'; did you mean '{near}'?"):
        config_from_dict(RegionNetConfig, {key: 1})


def test_a_config_survives_json() -> None:
    config = RegionNetConfig(features="al", position="type", dropout=0.3, pre_norm=False)
    assert config_from_dict(RegionNetConfig, json.loads(json.dumps(asdict(config)))) == config


def test_the_defaults_are_the_paper() -> None:
    config = RegionNetConfig()
    assert (config.classes, config.image_size, config.k, config.blocks, config.heads) == (40, 224, 10, 3, 8)
    assert config.features == "agl" and config.fusion and config.type_embedding and config.position != "none"


def test_a_config_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        RegionNetConfig().blocks = 6
