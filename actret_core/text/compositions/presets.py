"""The settings of the studies, for each data set."""

from dataclasses import replace

from actret_core.experiments.presets import FROZEN, Preset
from actret_core.models.config import RegionNetConfig
from actret_core.text.train import TextPreset
from actret_core.training.config import TrainConfig

# Learning rate (0.003 or 0.01) and margin (0.1, 0.3 or 1) were chosen once for all variants: by how well phrases find
# a fifth of the training images that was kept apart, of actions that are never held out.
TRAIN = TrainConfig(
    epochs=12, batch_size=64, lr=3e-3, weight_decay=0.0, optimizer="adam", schedule="onecycle", mixup=0.0, held_out=0.0,
    precision="32-true", workers=0,
)
SMALLER = {"dim": 64, "margin": 1.0}

PLAYGROUND_VISUAL = Preset(
    "demo",
    RegionNetConfig(backbone="small", blocks=1, heads=4, ffn=192, dropout=0.1, token_norm=True, hidden=64),
    replace(FROZEN.train, epochs=10, batch_size=64, lr=3e-3, weight_decay=0.01),
)

TEXT_PRESETS = {
    "playground": TextPreset("demo", TRAIN, SMALLER, PLAYGROUND_VISUAL),
    "stanford40": TextPreset("cpu", replace(TRAIN, epochs=6, batch_size=128), SMALLER, FROZEN),
}
