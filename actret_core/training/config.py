"""Every choice of a training run."""

from dataclasses import dataclass

from actret_core.config import require

SCHEDULES = ("constant", "cosine", "onecycle")
PRECISIONS = ("auto", "32-true", "bf16-mixed")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults are the paper's (Section 4.1), or our answer where it is silent ("Open choices").

    epochs, batch_size, lr, weight_decay: AdamW. schedule: "constant", "cosine" to zero, or "onecycle" with its peak
    at lr. min_crop: least area of a random crop, as a share of the image; jitter: strength of color jitter. mixup:
    alpha of mix-up, 0 for none. label_smoothing: of the cross-entropy. multi_label: binary cross-entropy (PASCAL
    VOC). held_out: the part of the training set that early stopping watches, 0 for no early stopping; patience:
    its epochs without a lower loss. freeze_bn_stats: keep the backbone's batch-norm statistics. clip: gradient
    norm. precision: "auto" is bfloat16 where the device has it. workers: data loading processes. cache: keep the
    decoded images in memory.
    """

    epochs: int = 150
    batch_size: int = 128
    lr: float = 3e-5
    weight_decay: float = 1e-2
    schedule: str = "constant"
    min_crop: float = 0.6
    jitter: float = 0.2
    mixup: float = 0.2
    label_smoothing: float = 0.0
    multi_label: bool = False
    held_out: float = 0.1
    patience: int = 15
    freeze_bn_stats: bool = False
    clip: float = 1.0
    precision: str = "auto"
    workers: int = 2
    cache: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.schedule in SCHEDULES, "schedule", self.schedule, f"one of {', '.join(SCHEDULES)}")
        require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        for field in ("epochs", "batch_size", "patience"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
        require(self.batch_size > 1, "batch_size", self.batch_size, "at least 2, for the batch norm")
        require(self.lr > 0, "lr", self.lr, "a positive number")
        for field in ("held_out", "label_smoothing"):
            require(0 <= getattr(self, field) < 1, field, getattr(self, field), "a number in [0, 1)")
        require(0 < self.min_crop <= 1, "min_crop", self.min_crop, "a number in (0, 1]")
        for field in ("jitter", "mixup", "weight_decay", "clip", "workers"):
            require(getattr(self, field) >= 0, field, getattr(self, field), "zero or more")
