"""Region tokens of a small world in which verb and noun are seen apart, and settings that train in a second."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from actret_core.data.tokens import FrozenTokens
from actret_core.models.config import RegionNetConfig
from actret_core.experiments.presets import Preset
from actret_core.text.train import TextPreset
from actret_core.training.config import TrainConfig

ACTIONS = ("cutting_trees", "feeding_a_horse", "fixing_a_bike", "riding_a_bike", "riding_a_horse", "fixing_a_car")
QUICK = TrainConfig(
    epochs=2, batch_size=20, lr=1e-2, weight_decay=0.0, mixup=0.0, held_out=0.0, precision="32-true", workers=0
)


@pytest.fixture(scope="session")
def make_tokens() -> Callable[..., FrozenTokens]:
    def make(each: int = 12, actions: tuple[str, ...] = ACTIONS, channels: int = 8) -> FrozenTokens:
        """`each` images an action, a third to search in; a token is the sum of its verb's and noun's direction."""
        rng = np.random.default_rng(0)
        axes = {word: rng.normal(size=channels) for a in actions for word in (a.split("_")[0], a.split("_")[-1])}
        labels = np.repeat(np.arange(len(actions)), each)
        centers = np.stack([axes[actions[i].split("_")[0]] + axes[actions[i].split("_")[-1]] for i in labels])
        values = centers[:, None] + 0.2 * rng.normal(size=(len(labels), 4, channels))
        return FrozenTokens(
            (20 * values).round().clip(-127, 127).astype(np.int8), np.full(channels, 0.05, np.float32),
            np.full(len(labels), 2, np.uint8), np.zeros((len(labels), 3, 4), np.uint16), labels.astype(np.uint8),
            np.array([f"{actions[i]}_{n % each + 1:03d}" for n, i in enumerate(labels)]),
            np.arange(len(labels)) % 3 > 0, np.array(actions),
        )

    return make


@pytest.fixture(scope="session")
def quick() -> TextPreset:
    head = RegionNetConfig(blocks=1, heads=2, ffn=16, dropout=0.0, hidden=8)
    return TextPreset("cpu", replace(QUICK, epochs=6), {"dim": 16, "word_dim": 16}, Preset("cpu", head, QUICK))
