import inspect
import pickle
import re
from copy import deepcopy
from dataclasses import FrozenInstanceError, asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from actret_core.config import (
    NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, PositiveShare, Share, ShareBelowOne, config_class,
    config_from_dict, require,
)
from actret_core.data.augment import Augment
from actret_core.errors import ActretError, ConfigError
from actret_core.models.config import ModelConfig
from actret_core.models.methods import METHODS
from actret_core.retrieval.index.index_kinds import IndexConfig
from actret_core.text.config import JposeConfig, MmenConfig, SpaceConfig
from actret_core.training.config import TrainConfig

CONFIGS = [Augment, IndexConfig, JposeConfig, MmenConfig, ModelConfig, SpaceConfig, TrainConfig]
CONFIGS += [method.config for method in METHODS.values()]


@dataclass(frozen=True)
class Plain:
    blocks: int = 3
    features: tuple[str, ...] = ("a", "g", "l")


@config_class
class Base:
    """A base."""

    count: PositiveInt = 3
    rate: PositiveFloat = 0.5


@config_class
class Config(Base):
    """A config."""

    workers: NonNegativeInt = 0
    weight: NonNegativeFloat = 0.0
    share: Share = 0.5
    kept: PositiveShare = 1.0
    dropped: ShareBelowOne = 0.0
    links: Annotated[int, Field(ge=2)] = 2
    on: bool = False
    kind: Literal["sum", "mean"] = "sum"
    letters: str = "ag"
    steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        require(self.workers < self.count, "workers", self.workers, f"fewer than count={self.count}")


@config_class
class Needy:
    width: PositiveInt


@pytest.mark.parametrize("cls", [Plain, Config])
def test_json_lists_become_tuples(cls: type) -> None:
    field = "features" if cls is Plain else "steps"
    assert getattr(config_from_dict(cls, {field: [1, 2]}), field) == (1, 2)
    assert config_from_dict(cls, {}) == cls()


@pytest.mark.parametrize(
    ("cls", "key", "hint"),
    [
        (Plain, "block", "did you mean 'blocks'?"), (Plain, "x", "known keys: blocks, features"),
        (Config, "worker", "did you mean 'workers'?"), (Base, "x", "known keys: count, rate"),
    ],
)  # fmt: skip
def test_an_unknown_key_names_the_near_miss(cls: type, key: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{cls.__name__} has no field {key!r}; {hint}")):
        config_from_dict(cls, {key: 2})


def test_an_unknown_keyword_names_the_near_miss() -> None:
    with pytest.raises(ConfigError, match="Config has no field 'cuont'; did you mean 'count'?"):
        Config(cuont=2)


WRONG = [
    ("count", 0, "at least 1"), ("workers", -1, "at least 0"), ("links", 1, "at least 2"),
    ("rate", 0, "a positive number"), ("weight", -0.5, "at least 0"), ("share", 1.5, "a number in [0, 1]"),
    ("share", -1, "a number in [0, 1]"), ("kept", 0, "a number in (0, 1]"), ("dropped", 1.0, "a number in [0, 1)"),
    ("kind", "max", "one of sum, mean"),
    ("count", "6", "a whole number"), ("count", 6.5, "a whole number"), ("count", 6.0, "a whole number"),
    ("count", True, "a whole number"), ("count", None, "a whole number"), ("count", "six", "a whole number"),
    ("rate", True, "a number"), ("rate", "fast", "a number"), ("rate", None, "a number"), ("rate", (1.0,), "a number"),
    ("rate", float("inf"), "a finite number"), ("rate", float("nan"), "a finite number"),
    ("on", 1, "true or false"), ("on", "no", "true or false"), ("letters", 3, "text"), ("steps", 3, "a list"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "expected"), WRONG)
def test_a_wrong_type_or_value_names_its_field(field: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        config_from_dict(Config, {field: value})
    assert str(error.value) == f"{field}={value!r}: expected {expected}"


def test_a_wrong_item_of_a_list_is_named() -> None:
    with pytest.raises(ConfigError, match=re.escape("steps[1]='b': expected a whole number")):
        config_from_dict(Config, {"steps": [1, "b"]})


@pytest.mark.parametrize("value", ["1e-3", "0.001", 1e-3, np.float64(1e-3)])
def test_a_float_may_be_text_as_yaml_reads_it(value: Any) -> None:
    rate = Config(rate=value).rate
    assert rate == 0.001 and type(rate) is float


def test_a_float_may_be_an_int() -> None:
    assert Config(rate=2).rate == 2


def test_a_bound_holds_for_text_too() -> None:
    with pytest.raises(ConfigError, match="rate=-0.001: expected a positive number"):
        Config(rate="-1e-3")


def test_every_fault_is_named() -> None:
    with pytest.raises(ConfigError, match="count=0: expected at least 1; share=2: expected a number in .*no field 'x'"):
        Config(count=0, share=2, x=1)


def test_a_value_by_its_place_is_named_as_well() -> None:
    with pytest.raises(ConfigError, match="rate='fast': expected a number"):
        Config(3, "fast")
    with pytest.raises(ConfigError, match="Base has 2 fields, and was given more values"):
        Base(3, 0.5, 7)


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ConfigError, match="Needy needs a value for 'width'"):
        Needy()


def test_fields_are_checked_together_when_each_is_right() -> None:
    with pytest.raises(ConfigError) as error:
        Config(count=2, workers=2)
    assert str(error.value) == "workers=2: expected fewer than count=2"


def test_it_is_a_frozen_dataclass() -> None:
    config = Config(count=4, steps=(1, 2))
    assert [f.name for f in fields(config)][:3] == ["count", "rate", "workers"] and isinstance(config, Base)
    assert Config(**asdict(config)) == config and hash(Config(**asdict(config))) == hash(config)
    assert replace(config, rate=1.0) == Config(4, 1.0, steps=(1, 2)) != config
    assert pickle.loads(pickle.dumps(config)) == deepcopy(config) == config
    assert Config.__doc__ == "A config." and repr(Base(2)) == "Base(count=2, rate=0.5)"
    with pytest.raises(FrozenInstanceError):
        config.count = 5
    with pytest.raises(ConfigError, match="count=0: expected at least 1"):
        replace(config, count=0)


@pytest.mark.parametrize("cls", CONFIGS)
def test_every_field_says_on_its_line_what_it_is(cls: type) -> None:
    lines = inspect.getsource(cls).splitlines()
    for name in inspect.get_annotations(cls):
        assert any(re.match(rf"    {name}: .*  # .+", line) for line in lines), name


def test_a_requirement_names_the_field() -> None:
    require(True, "blocks", 0, "at least 0")
    with pytest.raises(ConfigError, match="blocks=-1: expected at least 0"):
        require(False, "blocks", -1, "at least 0")


def test_every_error_can_be_caught_as_one() -> None:
    assert issubclass(ConfigError, ActretError) and issubclass(ActretError, ValueError)
