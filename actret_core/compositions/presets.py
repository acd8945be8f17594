"""The settings of the study, one for each data set."""

from dataclasses import replace

from actret_core.compositions.study import TextPreset
from actret_core.models.config import RegionNetConfig
from actret_core.presets import FROZEN, Preset
from actret_core.training.config import TrainConfig

# the rate was chosen among 0.001, 0.003 and 0.01, for all variants alike, by how well a fifth of the training images of
# actions that are never held out is found
TRAIN = TrainConfig(
    epochs=12, batch_size=64, lr=1e-2, weight_decay=0.0, optimizer="adam", schedule="onecycle", mixup=0.0, held_out=0.0,
    precision="32-true", workers=0,
)
SMALLER = {"dim": 64, "triplets": 10}

PLAYGROUND_VISUAL = Preset(
    "demo",
    RegionNetConfig(backbone="small", blocks=1, heads=4, ffn=192, dropout=0.1, token_norm=True, hidden=64),
    replace(FROZEN.train, epochs=10, batch_size=64, lr=3e-3, weight_decay=0.01),
)

TEXT_PRESETS = {
    "playground": TextPreset("demo", PLAYGROUND_VISUAL, TRAIN, SMALLER),
    "stanford40": TextPreset("cpu", FROZEN, replace(TRAIN, epochs=6, batch_size=128), SMALLER),
}
