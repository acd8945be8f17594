"""Which parameters learn how fast."""

from typing import Any

from torch import nn

from actret_core.training.config import TrainConfig

PROXY_RATE = 100  # times the learning rate, as the authors of the proxy anchor loss have it


def parameter_groups(model: nn.Module, metric: nn.Module | None, config: TrainConfig) -> list[dict[str, Any]]:
    """The groups of the optimizer: the model by its stages, and the proxies of a metric loss.

    With `layer_decay` d, the last stage of the backbone learns at d times the rate of what follows it, the one before
    at d squared, and so on down to the stem.
    """
    stages = backbone_stages(model) if config.layer_decay < 1 else []
    lower = {id(p) for stage in stages for p in stage.parameters()}
    groups = [{"params": [p for p in model.parameters() if id(p) not in lower], "lr": config.lr}]
    for depth, stage in enumerate(reversed(stages), 1):
        groups.append({"params": list(stage.parameters()), "lr": config.lr * config.layer_decay**depth})
    proxies = [] if metric is None else list(metric.parameters())
    return groups + [{"params": proxies, "lr": PROXY_RATE * config.lr}] * bool(proxies)


def backbone_stages(model: nn.Module) -> list[nn.Module]:
    """The stages of a model's backbone, from the image upward; none of a model without one."""
    backbone = getattr(model, "backbone", None)
    if backbone is None:
        return []
    return [*([backbone.stem] if hasattr(backbone, "stem") else []), *backbone.layers]
