"""Training: how many images a second `fit` takes, beside the bare network on a batch that never leaves the device."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.suite import Case, Contender, Material, Suite

DESCRIPTION = (
    "Noise of the size of photographs, stored as those are; a person and as many regions in each as the model takes. "
    "`fit` trains the region-aware model as the paper does (resnet50), or as chapter 4 (small). The bare network is "
    "the same model in the same precision with the same loss and optimizer, on one prepared batch that stays on the "
    "device. Of one epoch, after the steps that warm up, the median stretch of `each` steps counts: a machine with "
    "neighbours is not always equally fast. The ratio in the line of the bare network is the share of its images a "
    "second that `fit` reaches."
)


def _later(name: str) -> Callable[..., Any]:
    """A function of `benchmarks.steps`, imported when it is called: other suites' processes do not need torch."""
    return lambda *given: getattr(import_module("benchmarks.steps"), name)(*given)


SUITE = Suite(
    cases=(
        Case(16, 128, {"network": "small", "warm": 20, "steps": 200, "each": 10}),
        Case(32, 224, {"network": "resnet50", "warm": 3, "steps": 20, "each": 1}),
        Case(128, 224, {"network": "resnet50", "warm": 10, "steps": 60, "each": 10}),
    ),
    quick=(Case(4, 32, {"network": "small", "warm": 1, "steps": 2, "each": 1}),),
    contenders={
        "fit": Contender(_later("by_fit"), refuses=_later("too_large")),
        "bare network": Contender(_later("bare"), refuses=_later("too_large")),
    },
    quality=_later("quality"),
    cost="ms_per_image",
    material=Material(lambda _: {"description": DESCRIPTION, "seed": 0}, _later("draw"), _later("read")),
    axes=("images a batch", "pixels a side"),
    code=("actret_core/data", "actret_core/models", "actret_core/training", "benchmarks"),
)
