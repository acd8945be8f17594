"""The optimizer of a training config, its parameter groups, and its learning rate schedule."""

import math
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, LambdaLR, OneCycleLR

from actret_core.training.config import TrainConfig


def build_optimizer(parameters: Iterable[nn.Parameter] | Iterable[dict], config: TrainConfig) -> Optimizer:
    """AdamW, Adam or SGD with the config's weight decay, and its learning rate where a group has none of its own."""
    if config.optimizer == "sgd":
        return SGD(parameters, config.lr, momentum=0.9, weight_decay=config.weight_decay, nesterov=True)
    kind = {"adamw": AdamW, "adam": Adam}[config.optimizer]
    return kind(parameters, config.lr, weight_decay=config.weight_decay, fused=True)


def build_schedule(optimizer: Optimizer, config: TrainConfig, steps: int) -> LRScheduler:
    """The learning rate schedule of a training of `steps` batches, to be stepped after each batch."""
    if config.schedule == "onecycle":
        return OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=steps)
    return LambdaLR(optimizer, lambda step: rate(config, step, steps))


def rate(config: TrainConfig, step: int, steps: int) -> float:
    """The factor of the learning rate at batch `step`, from 0, of `steps`: a linear warm-up, then the schedule."""
    warm = steps * config.warmup // config.epochs
    if step < warm:
        return (step + 1) / (warm + 1)
    done = (step - warm) / max(steps - warm, 1)
    if config.schedule == "linear":
        return 1 - done
    if config.schedule == "cosine":
        return (1 + math.cos(math.pi * done)) / 2
    passed = sum(step * config.epochs >= epoch * steps for epoch in config.milestones)
    return 0.1**passed


PROXY_RATE = 100  # learning rate of the proxies as a multiple of `lr`, from the paper of the proxy anchor loss


def parameter_groups(model: nn.Module, metric: nn.Module | None, config: TrainConfig) -> list[dict[str, Any]]:
    """The optimizer's groups of parameters: the model, the stages of its backbone, the proxies of a metric loss.

    With `layer_decay` d < 1, the last stage of the backbone has d times the learning rate of the parts after it, the
    stage before d squared times, and so on to the stem. Without it, the backbone is in the group of the model.
    """
    stages = backbone_stages(model) if config.layer_decay < 1 else []
    lower = {id(p) for stage in stages for p in stage.parameters()}
    groups = [{"params": [p for p in model.parameters() if id(p) not in lower], "lr": config.lr}]
    for depth, stage in enumerate(reversed(stages), 1):
        groups.append({"params": list(stage.parameters()), "lr": config.lr * config.layer_decay**depth})
    proxies = [] if metric is None else list(metric.parameters())
    return groups + [{"params": proxies, "lr": PROXY_RATE * config.lr}] * bool(proxies)


def backbone_stages(model: nn.Module) -> list[nn.Module]:
    """The stages of a model's backbone, the stem first; an empty list for a model without a backbone."""
    backbone = getattr(model, "backbone", None)
    if backbone is None:
        return []
    return [*([backbone.stem] if hasattr(backbone, "stem") else []), *backbone.layers]
