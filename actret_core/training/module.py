"""The Lightning module: one for every model of the book."""

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actret_core.config import require
from actret_core.data.transforms import mix_share, mix_up
from actret_core.models.fusion import Output
from actret_core.training.batches import Batch, Prepare
from actret_core.training.config import TrainConfig
from actret_core.training.schedule import build_optimizer, build_schedule


def action_loss(logits: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """Eq. 6, or binary cross-entropy if `multi_label`: logits and target [B, C]; a target may be soft."""
    if config.multi_label:
        return F.binary_cross_entropy_with_logits(logits, target)
    return F.cross_entropy(logits, target, label_smoothing=config.label_smoothing)


class ActionModule(L.LightningModule):
    """Trains any module that names its `inputs` among a batch's keys and returns an Output.

    A module with a `loss(output, target)` of its own is trained by it; any other by `action_loss`. `prepare` and
    `prepare_held` make batches of what was stored, on the device: for training, and for what is held out. A batch that
    does not fit into memory goes on in parts, whose gradients add up; `halved` lists the sizes they had, one by one.
    """

    def __init__(
        self, model: nn.Module, config: TrainConfig, prepare: Prepare | None = None,
        prepare_held: Prepare | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # a batch may take several backward passes
        self.model, self.config, self.halved = model, config, ()
        self._prepare, self._prepare_held = prepare, prepare_held
        self._roll(0)

    def forward(self, batch: Batch) -> Output:
        return self.model(**{name: batch[name] for name in self.model.inputs})

    def _roll(self, epoch: int) -> None:
        """New dice for an epoch: a resumed run throws what the uninterrupted one would have thrown."""
        self._rng = np.random.default_rng([self.config.seed, epoch, self.global_rank])
        self._generator = torch.Generator(self.device).manual_seed(int(self._rng.integers(2**63)))

    def on_train_epoch_start(self) -> None:
        """Batch norm in evaluation mode keeps its statistics; its scale and shift still learn."""
        self._roll(self.current_epoch)
        if self.config.freeze_bn_stats:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def on_after_batch_transfer(self, batch: Batch, _: int) -> Batch:
        """Make pictures of what was stored, a whole batch on the device; mixed up if the config says so."""
        training = self.trainer.training
        prepare = self._prepare if training else self._prepare_held
        batch = prepare(batch, self._generator) if prepare else batch
        if training and self.config.mixup and "image" in batch:
            share = mix_share(self.config.mixup, self._rng)
            image, target = mix_up(batch["image"], batch["target"], share)
            batch = {**batch, "image": image, "target": target}
        return batch

    def training_step(self, batch: Batch, _: int) -> None:
        """One step of the optimizer and of its schedule, by the gradient of one batch."""
        loss = self.learn(batch)
        self.optimizers().step()
        self.lr_schedulers().step()
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch["target"]))

    def learn(self, batch: Batch) -> Tensor:
        """Leave the gradient of the batch's loss in the parameters, and return the loss."""
        while True:
            self.zero_grad()
            parts, whole = split_batch(batch, 2 ** len(self.halved)), len(batch["target"])
            try:
                return sum(self._backward(part, len(part["target"]) / whole) for part in parts)
            except torch.OutOfMemoryError:
                self._halve(whole, len(parts))
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _backward(self, part: Batch, share: float) -> Tensor:
        loss = self._loss(part) * share
        self.manual_backward(loss)
        return loss.detach()

    def _halve(self, whole: int, parts: int) -> None:
        most = whole // 2
        require(parts < most, "batch_size", whole, "a smaller model or image: two samples at once are out of memory")
        self.halved += (-(-whole // min(2 * parts, most)),)
        print(f"out of memory: each batch goes on in parts of {self.halved[-1]}, whose gradients add up", flush=True)

    def validation_step(self, batch: Batch, _: int) -> None:
        """The loss on the held-out part, for early stopping."""
        self.log("val_loss", self._loss(batch), prog_bar=True, batch_size=len(batch["target"]))

    def on_before_optimizer_step(self, _: torch.optim.Optimizer) -> None:
        """Clip the gradient's norm; Lightning's own clipping refuses fused optimizers."""
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters(), self.config.clip)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """A resumed run goes on in parts that fit."""
        checkpoint["halved"] = self.halved

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The reverse."""
        self.halved = checkpoint["halved"]

    def _loss(self, batch: Batch) -> Tensor:
        output = self(batch)
        if hasattr(self.model, "loss"):
            return self.model.loss(output, batch["target"])
        return action_loss(output.logits.float(), batch["target"], self.config)

    def configure_optimizers(self) -> dict:
        """The config's optimizer, with its schedule, stepped every batch."""
        optimizer = build_optimizer(self.parameters(), self.config)
        schedule = build_schedule(optimizer, self.config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """A batch in so many parts of nearly the same size, none below two samples."""
    parts = max(min(parts, len(batch["target"]) // 2), 1)
    split = {name: value.tensor_split(parts) for name, value in batch.items()}
    return [dict(zip(split, values, strict=True)) for values in zip(*split.values(), strict=True)]
