from dataclasses import dataclass

import pytest

from actret_core.config import config_from_dict, require
from actret_core.errors import ActretError, ConfigError


@dataclass(frozen=True)
class Config:
    blocks: int = 3
    features: tuple[str, ...] = ("a", "g", "l")


def test_values_become_fields_and_json_lists_become_tuples() -> None:
    assert config_from_dict(Config, {"features": ["a", "g"]}) == Config(3, ("a", "g"))
    assert config_from_dict(Config, {}) == Config()


def test_an_unknown_key_names_the_near_miss() -> None:
    with pytest.raises(ConfigError, match="Config has no field 'block'; did you mean 'blocks'?"):
        config_from_dict(Config, {"block": 2})


def test_a_far_off_key_lists_what_is_known() -> None:
    with pytest.raises(ConfigError, match="Config has no field 'x'; known keys: blocks, features"):
        config_from_dict(Config, {"x": 2})


def test_a_requirement_names_the_field() -> None:
    require(True, "blocks", 0, "at least 0")
    with pytest.raises(ConfigError, match="blocks=-1: expected at least 0"):
        require(False, "blocks", -1, "at least 0")


def test_every_error_can_be_caught_as_one() -> None:
    assert issubclass(ConfigError, ActretError) and issubclass(ActretError, ValueError)
