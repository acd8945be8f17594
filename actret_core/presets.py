"""Named settings: what is trained by default where, and the tier that its record bears."""

from dataclasses import dataclass

from actret_core.models.config import RegionNetConfig
from actret_core.training.config import TrainConfig


@dataclass(frozen=True)
class Preset:
    """A model, a training and the tier of their record (see "Results" in the book)."""

    tier: str
    model: RegionNetConfig
    train: TrainConfig


DEMO = Preset(
    "demo",
    RegionNetConfig(
        classes=12, backbone="small", image_size=128, k=8, min_score=0.3, blocks=2, heads=4, ffn=256, hidden=128
    ),
    TrainConfig(
        epochs=16, batch_size=32, lr=2e-3, schedule="onecycle", mixup=0.0, held_out=0.0, precision="32-true", workers=0
    ),
)

CPU = Preset(
    "cpu",
    RegionNetConfig(),
    TrainConfig(
        epochs=10, batch_size=32, lr=1e-4, schedule="onecycle", label_smoothing=0.1, held_out=0.0, freeze_bn_stats=True
    ),
)

PAPER = Preset("full", RegionNetConfig(), TrainConfig())

PRESETS = {"demo": DEMO, "cpu": CPU, "paper": PAPER}
