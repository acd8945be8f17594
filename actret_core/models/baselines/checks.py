"""The checks that the configs of all rivals share."""

from typing import Any

from actret_core.config import require
from actret_core.models.config import BACKBONES


def check_fields(config: Any, at_least_one: tuple[str, ...] = (), not_negative: tuple[str, ...] = ()) -> None:
    """Raise ConfigError, naming the field, unless the named fields of `config` are >= 1, or >= 0.

    Every rival has a `backbone`, `classes` and `image_size`; they are checked for all.
    """
    require(config.backbone in BACKBONES, "backbone", config.backbone, f"one of {', '.join(BACKBONES)}")
    for field in ("classes", "image_size", *at_least_one):
        require(getattr(config, field) >= 1, field, getattr(config, field), "at least 1")
    for field in not_negative:
        require(getattr(config, field) >= 0, field, getattr(config, field), "zero or more")
