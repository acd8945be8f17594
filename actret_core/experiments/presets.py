"""Presets: named settings of every method, and the tier of their records."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from actret_core.config import config_from_dict, require
from actret_core.models.baselines.delg import DelgConfig
from actret_core.models.baselines.rrt import RrtConfig
from actret_core.models.baselines.strong_reid import StrongReidConfig
from actret_core.models.baselines.token import TokenConfig
from actret_core.models.config import ModelConfig, RegionNetConfig
from actret_core.models.methods import find_method
from actret_core.models.recognition import RECOGNITION
from actret_core.training.config import TrainConfig


@dataclass(frozen=True)
class Preset:
    """The configs of a model and of its training, and the tier of its record (see "Results" in the book)."""

    tier: str                         # demo, cpu, full or plus
    model: ModelConfig                # the config of a method in `METHODS`
    train: TrainConfig                # its training
    pairs: TrainConfig | None = None  # the Reranking Transformer's second training, on pairs
    token_dim: int = 0                # numbers of a token of the frozen backbone; 0: it does not learn from tokens

    @property
    def on_maps(self) -> bool:
        """Whether the front of the backbone is frozen, so that its maps are computed once."""
        return self.model.on_maps

    def changed(self, model: Mapping[str, Any], train: Mapping[str, Any]) -> "Preset":
        """The preset with other values of some fields. Raises ConfigError for an unknown field or an invalid value."""
        changes = {"model": model, "train": train}
        return replace(self, **{name: _changed(getattr(self, name), fields) for name, fields in changes.items()})

    def as_config(self) -> dict[str, Any]:
        """Its configs as a record holds them."""
        parts = {name: asdict(getattr(self, name)) for name in ("model", "train", "pairs") if getattr(self, name)}
        return parts | ({"token_dim": self.token_dim} if self.token_dim else {})


def _changed(config: Any, fields: Mapping[str, Any]) -> Any:
    return config_from_dict(type(config), asdict(config) | dict(fields))


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

# How the small backbone is pretrained (`pretrain_small`), and on how many pictures of another seed
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

# Only the fusion transformer learns, from the region tokens of a frozen backbone (chapter 3). The values were chosen
# on a held-out fifth of the training set.
FROZEN = Preset(
    "cpu",
    RegionNetConfig(on_maps=True, blocks=1, heads=4, ffn=192, dropout=0.3, hidden=64),
    TrainConfig(
        epochs=6, batch_size=128, lr=8e-3, weight_decay=0.1, schedule="onecycle", mixup=0.0, label_smoothing=0.1,
        held_out=0.0, precision="32-true", workers=0,
    ),
    token_dim=96,
)

PAPER = Preset("full", RegionNetConfig(), TrainConfig())

# Beyond the paper with the same backbone and data: each extension is a field of one of the configs, off by default.
PLUS = replace(PAPER, tier="plus")

# The rivals: "demo" and "cpu" train as the region-aware model does. Each has a loss of its own, with label smoothing
# or without, in its model's config; so there is none here.
DEMO_TRAIN, CPU_TRAIN = (replace(preset.train, label_smoothing=0.0) for preset in (DEMO, CPU))
SMALL = {"classes": DEMO.model.classes, "backbone": "small", "image_size": DEMO.model.image_size}
NARROW = {"channels": 64, "hidden": 64}  # torchvision's widths are made for ResNet-50's 2048 channels

# "full" is the training of the rival's authors, with mix-up, crops, jitter and early stopping only where they use
# them. For all methods, images are squashed to 224 x 224 pixels.
STRONG_REID_FULL = TrainConfig(
    epochs=120, batch_size=64, lr=3.5e-4, weight_decay=5e-4, optimizer="adam", schedule="multistep",
    milestones=(40, 70), warmup=10, per_class=4, pad_crop=10, jitter=0.0, erasing=0.5, mixup=0.0, held_out=0.0,
    clip=0.0,
)
# Rate, batch and clipping are those of the authors' code. The weight decay is ours, and so is Nesterov's momentum:
# the code has plain momentum.
DELG_FULL = TrainConfig(
    epochs=25, batch_size=32, lr=0.01, weight_decay=1e-4, optimizer="sgd", schedule="linear", mixup=0.0, held_out=0.0,
    clip=10.0,
)
TOKEN_FULL = TrainConfig(
    epochs=30, batch_size=128, lr=0.01 * 128 / 256, weight_decay=1e-4, optimizer="sgd", schedule="cosine", warmup=5,
    mixup=0.0, held_out=0.0, clip=0.0,
)
PAIRS_FULL = TrainConfig(
    epochs=100, batch_size=128, lr=1e-4, weight_decay=4e-4, schedule="multistep", milestones=(60, 80), mixup=0.0,
    held_out=0.0, clip=0.0, workers=0,
)
PAIRS_CPU = replace(PAIRS_FULL, epochs=5, schedule="onecycle", milestones=())
PAIRS_DEMO = replace(PAIRS_CPU, epochs=8, batch_size=32, lr=3e-3, precision="32-true")

OURS = {"demo": DEMO, "cpu": CPU, "full": PAPER, "plus": PLUS}
RIVALS = {
    "strong_reid": {
        "demo": Preset("demo", StrongReidConfig(**SMALL), replace(DEMO_TRAIN, per_class=4)),
        "cpu": Preset("cpu", StrongReidConfig(), replace(CPU_TRAIN, per_class=4)),
        "full": Preset("full", StrongReidConfig(), STRONG_REID_FULL),
    },
    "delg": {
        "demo": Preset("demo", DelgConfig(**SMALL, dim=96), DEMO_TRAIN),
        "cpu": Preset("cpu", DelgConfig(), CPU_TRAIN),
        "full": Preset("full", DelgConfig(), DELG_FULL),
    },
    "token": {
        "demo": Preset("demo", TokenConfig(**SMALL, dim=96, heads=4, dropout=0.0), DEMO_TRAIN),
        "cpu": Preset("cpu", TokenConfig(), CPU_TRAIN),
        "full": Preset("full", TokenConfig(), TOKEN_FULL),
    },
    "rrt": {
        "demo": Preset(
            "demo", RrtConfig(**SMALL, dim=96, cells=4, local_dim=32, blocks=2, heads=2, ffn=64, top=20),
            DEMO_TRAIN, PAIRS_DEMO,
        ),
        "cpu": Preset("cpu", RrtConfig(), CPU_TRAIN, PAIRS_CPU),
        "full": Preset("full", RrtConfig(), DELG_FULL, PAIRS_FULL),
    },
}
# Recognition methods are trained as the region-aware model in all tiers.
RECOGNIZERS = {
    name: {
        "demo": Preset("demo", config(**SMALL, **(NARROW if name == "fast_rcnn" else {})), DEMO.train),
        "cpu": Preset("cpu", config(), CPU.train),
        "full": Preset("full", config(), PAPER.train),
    }
    for name, (config, _) in RECOGNITION.items()
}
TABLE = {"region_net": OURS, **RIVALS, **RECOGNIZERS}


def reduced(preset: Preset) -> Preset:
    """The same preset on cached maps: the last stage of the backbone and all above it learn.

    conv1 to layer3 are frozen and their maps computed once, so the mirror is the only augmentation. It has five epochs,
    half of the preset "cpu", so that two cores train all methods in an afternoon.
    """
    model = replace(preset.model, on_maps=True)
    return replace(preset, model=model, train=replace(preset.train, epochs=5, mixup=0.0, workers=0))


def presets_of(method: str) -> dict[str, Preset]:
    """All presets of a method by their names. Raises ConfigError for an unknown method."""
    find_method(method)
    named = TABLE[method] | {"reduced": reduced(TABLE[method]["cpu"])}
    if method == "region_net":
        named["frozen"] = FROZEN
        named |= {f"plus_{name}": replace(named[name], tier="plus") for name in ("reduced", "frozen")}
    return named


def find_preset(method: str, name: str) -> Preset:
    """The preset `name` of a method. Raises ConfigError, naming the known ones, if there is none."""
    named = presets_of(method)
    require(name in named, "preset", name, f"one of {', '.join(named)} for {method}")
    return named[name]
