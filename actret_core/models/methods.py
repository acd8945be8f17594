"""The methods by name: the config class of each, and the module that is built from it."""

from dataclasses import dataclass

from torch import nn

from actret_core.config import require
from actret_core.models.baselines.delg import Delg, DelgConfig
from actret_core.models.baselines.rrt import Rrt, RrtConfig
from actret_core.models.baselines.strong_reid import StrongReid, StrongReidConfig
from actret_core.models.baselines.token import TokenConfig, TokenNet
from actret_core.models.config import ModelConfig, RegionNetConfig
from actret_core.models.recognition import RECOGNITION
from actret_core.models.region_net import RegionNet


@dataclass(frozen=True)
class Method:
    """The class of a method's `config`, and the `module` that is built from one."""

    config: type[ModelConfig]
    module: type[nn.Module]


METHODS = {
    "region_net": Method(RegionNetConfig, RegionNet),
    "strong_reid": Method(StrongReidConfig, StrongReid),
    "delg": Method(DelgConfig, Delg),
    "token": Method(TokenConfig, TokenNet),
    "rrt": Method(RrtConfig, Rrt),
} | {name: Method(config, module) for name, (config, module) in RECOGNITION.items()}


def find_method(name: str) -> Method:
    """The entry of `name`. Raises ConfigError, naming the known ones, if there is none."""
    require(name in METHODS, "method", name, f"one of {', '.join(METHODS)}")
    return METHODS[name]


def method_of(config: ModelConfig) -> str:
    """The name of the method that `config` is of. Raises ConfigError if it is of none."""
    names = [name for name, method in METHODS.items() if type(config) is method.config]
    require(bool(names), "config", type(config).__name__, "the config of a method in `METHODS`")
    return names[0]


def build_model(config: ModelConfig) -> nn.Module:
    """A randomly initialized model of any method, by its config."""
    return METHODS[method_of(config)].module(config)
