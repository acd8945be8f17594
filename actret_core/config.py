"""Frozen dataclass configs in which an unknown key fails."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from actret_core.errors import ConfigError

T = TypeVar("T")


def config_from_dict(cls: type[T], values: Mapping[str, Any]) -> T:
    """Build the dataclass `cls` from `values` (JSON lists become tuples).

    Raises ConfigError for a key that is not a field, naming the nearest field.
    """
    known = [f.name for f in fields(cls)]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            raise ConfigError(f"{cls.__name__} has no field {key!r}; {hint}")
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def require(condition: bool, field: str, value: Any, expected: str) -> None:
    """Raise ConfigError naming `field` unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{field}={value!r}: expected {expected}")


def require_at_least(low: float, config: Any, *names: str) -> None:
    """Raise ConfigError unless each of the named fields of `config` is `low` or more."""
    for name in names:
        require(getattr(config, name) >= low, name, getattr(config, name), f"at least {low}")
