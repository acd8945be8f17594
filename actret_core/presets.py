"""Named settings: what is trained by default where, and the tier that its record bears."""

from dataclasses import dataclass, replace

from actret_core.models.config import ModelConfig, RegionNetConfig
from actret_core.training.config import TrainConfig


@dataclass(frozen=True)
class Preset:
    """A model, a training and the tier of their record (see "Results" in the book).

    `model` is the config of a method in `METHODS`; `pairs` is how the Reranking Transformer learns pairs, afterward.
    With a `token_dim`, all of the backbone rests, and the fusion transformer learns from tokens of so many numbers.
    """

    tier: str
    model: ModelConfig
    train: TrainConfig
    pairs: TrainConfig | None = None
    token_dim: int = 0

    @property
    def on_maps(self) -> bool:
        """Whether the front of the backbone rests, and its maps are computed once."""
        return self.model.backbone.endswith("_tail")


DEMO = Preset(
    "demo",
    RegionNetConfig(
        classes=12, backbone="small", image_size=128, k=4, min_score=0.2, blocks=2, heads=4, ffn=192, dropout=0.0,
        token_norm=True, hidden=96,
    ),
    TrainConfig(
        epochs=8, batch_size=16, lr=1e-3, schedule="onecycle", min_crop=1.0, jitter=0.0, mixup=0.0, held_out=0.0,
        precision="32-true", workers=0,
    ),
)

# what the small backbone learns before (`pretrain_small`), on as many pictures of another seed
PRETEXT_IMAGES = 6000
PRETEXT = replace(
    DEMO.train, epochs=12, batch_size=32, lr=2e-3, min_crop=0.85, jitter=0.2, multi_label=True, precision="auto",
    workers=1,
)

CPU = Preset(
    "cpu",
    RegionNetConfig(),
    TrainConfig(
        epochs=10, batch_size=32, lr=1e-4, schedule="onecycle", label_smoothing=0.1, held_out=0.0, freeze_bn_stats=True
    ),
)

# region tokens of a frozen backbone: only the fusion transformer learns (chapter 3); chosen on a held-out fifth of
# the training set
FROZEN = Preset(
    "cpu",
    RegionNetConfig(blocks=1, heads=4, ffn=192, dropout=0.3, hidden=64),
    TrainConfig(
        epochs=6, batch_size=128, lr=8e-3, weight_decay=0.1, schedule="onecycle", mixup=0.0, label_smoothing=0.1,
        held_out=0.0, precision="32-true", workers=0,
    ),
    token_dim=96,
)

PAPER = Preset("full", RegionNetConfig(), TrainConfig())

# past the paper with the same backbone and data: each part is a field of one of the configs, and off here
PLUS = replace(PAPER, tier="plus")

PRESETS = {"demo": DEMO, "cpu": CPU, "paper": PAPER, "plus": PLUS}
