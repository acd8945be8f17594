"""All settings of a training run."""

from typing import Annotated, Literal

from pydantic import Field

from actret_core.config import (
    NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, PositiveShare, Share, ShareBelowOne, config_class,
    require,
)
from actret_core.data.augment import Augment

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["constant", "linear", "cosine", "multistep", "onecycle"]
Precision = Literal["auto", "32-true", "bf16-mixed"]
Metric = Literal["none", "supcon", "proxy"]
BatchSize = Annotated[int, Field(ge=2, description="at least 2, for the batch norm")]


@config_class
class TrainConfig:
    """How to train. A default is the paper's where a section (4.1) is named, else ours (see "Open choices").

    `metric`, `metric_weight`, `ema` and `layer_decay` are beyond the paper, and off.
    """

    epochs: PositiveInt = 150               # passes over the training set, at most (Section 4.1)
    batch_size: BatchSize = 128             # samples of a step, of all processes together (Section 4.1)
    lr: PositiveFloat = 3e-5                # peak learning rate (Section 4.1)
    weight_decay: NonNegativeFloat = 1e-2   # of every weight (AdamW's default)
    optimizer: Optimizer = "adamw"          # adam adds the decay to the gradient; sgd has Nesterov momentum 0.9 (4.1)
    schedule: Schedule = "constant"         # of the rate; linear, cosine: to zero; onecycle: up to lr, then down (ours)
    milestones: tuple[int, ...] = ()        # multistep: epochs at which the rate falls to a tenth (ours)
    warmup: NonNegativeInt = 0              # epochs of a linear rise at the start; 0: none (ours)
    per_class: NonNegativeInt = 0           # samples of an action in a batch; 0: a plain shuffle (ours)
    min_crop: PositiveShare = 0.6           # least area of a random crop, as a share of the image (4.1; value: ours)
    pad_crop: NonNegativeInt = 0            # pixels that images are shifted by at most, in place of a crop (ours)
    jitter: NonNegativeFloat = 0.2          # strength of color jitter (4.1; value: ours)
    erasing: Share = 0.0                    # chance that a rectangle is erased (ours)
    mixup: NonNegativeFloat = 0.2           # alpha of mix-up; 0: none (4.1; value: the mix-up paper's)
    label_smoothing: ShareBelowOne = 0.0    # of the cross-entropy; unused by a model with a loss of its own (ours)
    multi_label: bool = False               # binary cross-entropy, for several actions a person (PASCAL VOC; Eq. 6)
    held_out: ShareBelowOne = 0.1           # share of the training set for early stopping; 0: none (4.1; value: ours)
    patience: PositiveInt = 15              # epochs without a lower held-out loss before it stops (ours)
    freeze_bn_stats: bool = False           # keep the backbone's batch-norm statistics (ours)
    clip: NonNegativeFloat = 1.0            # largest norm of the gradient; 0: no limit (ours)
    precision: Precision = "auto"           # auto: bfloat16 where the device has it (ours)
    compile: bool = False                   # the backbone, by `torch.compile` (ours)
    workers: NonNegativeInt = 2             # data loading processes of each process that trains (ours)
    metric: Metric = "none"                 # a loss on the embeddings beside the cross-entropy (ours)
    metric_weight: NonNegativeFloat = 0.5   # weight of that loss (ours)
    ema: ShareBelowOne = 0.0                # decay of a moving average of the weights, which is kept; 0: none (ours)
    layer_decay: PositiveShare = 1.0        # rate of a backbone's stage, as a share of the next stage's rate (ours)
    seed: int = 0                           # of all randomness (ours)

    def __post_init__(self) -> None:
        single = self.metric == "none" or not self.multi_label
        require(single, "metric", self.metric, "'none' where a person has several actions")
        whole = not self.per_class or self.batch_size % self.per_class == 0
        require(whole, "per_class", self.per_class, f"a divisor of batch_size={self.batch_size}, or 0 for a shuffle")
        self._check_schedule()

    def _check_schedule(self) -> None:
        steps = [0, *self.milestones, self.epochs]
        rising = all(a < b for a, b in zip(steps, steps[1:], strict=False))
        needed = bool(self.milestones) == (self.schedule == "multistep")
        wanted = "rising epochs of the training for the schedule 'multistep', and none for another"
        require(needed and (rising or not self.milestones), "milestones", self.milestones, wanted)
        require(self.warmup < self.epochs or not self.warmup, "warmup", self.warmup, f"fewer than epochs={self.epochs}")
        once = not self.warmup or self.schedule != "onecycle"
        require(once, "warmup", self.warmup, "0 for the schedule 'onecycle', which rises by itself")

    @property
    def augment(self) -> Augment:
        """The random augmentation of training pictures; half of them are mirrored (Section 4.1)."""
        return Augment(self.min_crop, self.pad_crop, self.jitter, self.erasing, mirror=0.5)
