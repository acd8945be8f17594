"""Named settings: what is trained by default where, and the tier that its record bears."""

from dataclasses import dataclass, replace

from actret_core.config import require
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


# each has its loss, and so its label smoothing or none, in its own config
CPU_TRAIN, DEMO_TRAIN = (replace(preset.train, label_smoothing=0.0) for preset in (CPU, DEMO))
SMALL = {"classes": DEMO.model.classes, "backbone": "small", "image_size": DEMO.model.image_size}

# no mix-up, crop, jitter or early stopping that its authors do not name; images are squashed to 224 for all
STRONG_REID_FULL = TrainConfig(
    epochs=120, batch_size=64, lr=3.5e-4, weight_decay=5e-4, optimizer="adam", schedule="multistep",
    milestones=(40, 70), warmup=10, per_class=4, pad_crop=10, jitter=0.0, erasing=0.5, mixup=0.0, held_out=0.0,
    clip=0.0,
)
# the code's rate, batch and clipping; the weight decay is ours, and Nesterov's momentum where the code's is plain
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

NARROW = {"channels": 64, "hidden": 64}  # torchvision's widths are made for ResNet-50's 2048 channels

# recognition: the training is the region-aware model's, whatever the tier
RIVALS |= {
    name: {
        "demo": Preset("demo", config(**SMALL, **(NARROW if name == "fast_rcnn" else {})), DEMO.train),
        "cpu": Preset("cpu", config(), CPU.train),
        "full": Preset("full", config(), PRESETS["paper"].train),
    }
    for name, (config, _) in RECOGNITION.items()
}

# conv1 to layer3 rest, and their maps are computed once; so all that is left of augmentation is the mirror. Five
# epochs, half of the preset "cpu", so that two cores train all methods in an afternoon
REDUCED_TRAIN = {"epochs": 5, "mixup": 0.0, "workers": 0}


def reduced(preset: Preset) -> Preset:
    """The same preset on cached maps: the last stage of the backbone and all above it learn."""
    train = replace(preset.train, **REDUCED_TRAIN)
    return replace(preset, model=replace(preset.model, backbone=f"{preset.model.backbone}_tail"), train=train)


def find_preset(method: str, name: str) -> Preset:
    """The preset `name` of a method; "paper" and "full" are the same. Raises ConfigError for an unknown name."""
    find_method(method)
    named = RIVALS.get(method) or PRESETS | {"full": PRESETS["paper"]}
    named = named | {"reduced": reduced(named["cpu"])}
    if "plus" in named:
        named["frozen"] = replace(FROZEN, model=replace(FROZEN.model, backbone=f"{FROZEN.model.backbone}_tail"))
        named |= {f"plus_{name}": replace(named[name], tier="plus") for name in ("reduced", "frozen")}
    name = "full" if name == "paper" else name
    require(name in named, "preset", name, f"one of {', '.join(named)} for {method}")
    return named[name]
