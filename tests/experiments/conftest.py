from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from actret_core.experiments.presets import Preset, find_preset
from actret_core.experiments.run import Place

PIXELS = 32


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], Preset]:
    """A method's preset "demo", cut to one epoch of 32 pixels: a training of a second, as a value to hand in."""

    def cut(method: str) -> Preset:
        preset = find_preset(method, "demo")
        model = replace(preset.model, image_size=PIXELS, **({"top": 8} if method == "rrt" else {}))
        train = replace(preset.train, epochs=1, batch_size=8, per_class=2 if preset.train.per_class else 0)
        pairs = preset.pairs and replace(preset.pairs, epochs=1)
        return replace(preset, model=model, train=train, pairs=pairs)

    return cut


@pytest.fixture
def place(playground: Path, tmp_path: Path) -> Place:
    """The small playground, and a folder of its own for all that a run leaves."""
    return Place(
        "playground", playground, results=tmp_path / "results", runs=tmp_path / "runs", maps=tmp_path / "maps", dim=4
    )
