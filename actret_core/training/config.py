"""Every choice of a training run."""

from dataclasses import dataclass

from actret_core.config import require, require_at_least

SCHEDULES = ("constant", "linear", "cosine", "multistep", "onecycle")
OPTIMIZERS = ("adamw", "adam", "sgd")
PRECISIONS = ("auto", "32-true", "bf16-mixed")


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults are the paper's (Section 4.1), or our answer where it is silent ("Open choices").

    epochs, batch_size, lr, weight_decay, optimizer: "adamw", "adam" (which adds the decay to the gradient) or "sgd"
    (Nesterov's momentum of 0.9). schedule: "constant", "linear" or "cosine" to zero, "multistep" to a tenth at each
    of the epochs `milestones`, or "onecycle" with its peak at lr. warmup: epochs of a linear rise before. per_class:
    samples of an action in a batch, which then holds few actions; 0 for a plain shuffle. min_crop: least area of a
    random crop, as a share of the image; pad_crop: instead of it, shift the image by up to so many pixels, over black;
    jitter: strength of color jitter; erasing: the chance that a rectangle is erased. mixup: alpha of mix-up, 0 for
    none. label_smoothing, multi_label: of the cross-entropy, the second for a binary one (PASCAL VOC); a model with a
    loss of its own reads neither. held_out: the part of the training set that early stopping watches, 0 for no early
    stopping; patience: its epochs without a lower loss. freeze_bn_stats: keep the backbone's batch-norm statistics.
    clip: gradient norm, 0 for none. precision: "auto" is bfloat16 where the device has it. workers: data loading
    processes. cache: keep the decoded images in memory.
    """

    epochs: int = 150
    batch_size: int = 128
    lr: float = 3e-5
    weight_decay: float = 1e-2
    optimizer: str = "adamw"
    schedule: str = "constant"
    milestones: tuple[int, ...] = ()
    warmup: int = 0
    per_class: int = 0
    min_crop: float = 0.6
    pad_crop: int = 0
    jitter: float = 0.2
    erasing: float = 0.0
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
        require(self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, f"one of {', '.join(OPTIMIZERS)}")
        require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        require_at_least(1, self, "epochs", "batch_size", "patience")
        require(self.batch_size > 1, "batch_size", self.batch_size, "at least 2, for the batch norm")
        require(self.lr > 0, "lr", self.lr, "a positive number")
        for field in ("held_out", "label_smoothing"):
            require(0 <= getattr(self, field) < 1, field, getattr(self, field), "a number in [0, 1)")
        require(0 <= self.erasing <= 1, "erasing", self.erasing, "a number in [0, 1]")
        require(0 < self.min_crop <= 1, "min_crop", self.min_crop, "a number in (0, 1]")
        require_at_least(
            0, self, "jitter", "mixup", "weight_decay", "clip", "workers", "warmup", "per_class", "pad_crop"
        )
        self._check_schedule()
        whole = not self.per_class or self.batch_size % self.per_class == 0
        require(whole, "per_class", self.per_class, f"a divisor of batch_size={self.batch_size}, or 0 for a shuffle")

    def _check_schedule(self) -> None:
        steps = [0, *self.milestones, self.epochs]
        rising = all(a < b for a, b in zip(steps, steps[1:], strict=False))
        needed = bool(self.milestones) == (self.schedule == "multistep")
        wanted = "rising epochs of the training for the schedule 'multistep', and none for another"
        require(needed and (rising or not self.milestones), "milestones", self.milestones, wanted)
        require(self.warmup < self.epochs or not self.warmup, "warmup", self.warmup, f"fewer than epochs={self.epochs}")
        once = not self.warmup or self.schedule != "onecycle"
        require(once, "warmup", self.warmup, "0 for the schedule 'onecycle', which rises by itself")
