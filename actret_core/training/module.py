"""The Lightning module: one for every model of the book."""

from contextlib import nullcontext
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from actret_core.config import require
from actret_core.data.transforms import mix_share, mix_up
from actret_core.models.config import Output
from actret_core.distributed import average, average_gradients
from actret_core.training.batches import Batch, Prepare
from actret_core.training.config import TrainConfig
from actret_core.training.schedule import parameter_groups
from actret_core.training.metric_loss import build_metric_loss
from actret_core.training.schedule import build_optimizer, build_schedule


def action_loss(logits: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """Eq. 6, or binary cross-entropy if `multi_label`: logits and target [B, C]; a target may be soft."""
    if config.multi_label:
        return F.binary_cross_entropy_with_logits(logits, target)
    return F.cross_entropy(logits, target, label_smoothing=config.label_smoothing)


def run(model: nn.Module, batch: Batch) -> Output:
    """What a model makes of those parts of a batch that it names."""
    return model(**{name: batch[name] for name in model.inputs})


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model that follows it: after each batch, weights and statistics move by 1 - decay toward its."""
    follower = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return follower.requires_grad_(False).eval()


class ActionModule(L.LightningModule):
    """Trains any module that names its `inputs` among a batch's keys and returns an Output.

    A module with a `loss(output, target)` of its own is trained by it; any other by `action_loss`. `prepare` and
    `prepare_held` make batches of what was stored, on the device: for training, and for what is held out. A batch that
    does not fit into memory goes on in parts, whose gradients add up; `halved` lists the sizes they had, one by one.
    Of several processes each does this with its share of the batch; then they step by their mean gradient.
    """

    def __init__(
        self, model: nn.Module, config: TrainConfig, prepare: Prepare | None = None,
        prepare_held: Prepare | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # a batch may take several backward passes
        self.model, self.config, self.halved = model, config, ()
        self.average = moving_average(model, config.ema) if config.ema else None
        self.metric = build_metric_loss(model, config)
        self._prepare, self._prepare_held = prepare, prepare_held
        self._roll(0)

    @property
    def learned(self) -> nn.Module:
        """What has been learned so far: the model, or the moving average of its weights."""
        return self.model if self.average is None else self.average.module

    def _roll(self, epoch: int) -> None:
        """New dice for an epoch: a resumed run throws what the uninterrupted one would have thrown."""
        self._rng = np.random.default_rng([self.config.seed, epoch, self.global_rank])
        self._generator = torch.Generator(self.device).manual_seed(int(self._rng.integers(2**63)))

    def on_train_epoch_start(self) -> None:
        """Batch norm in evaluation mode keeps its statistics; its scale and shift still learn."""
        self._roll(self.current_epoch)
        torch.manual_seed(int(self._rng.integers(2**63)))                # dropout, and items that are drawn
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
        # DDP would exchange gradients amid the backward pass, while another process repeats its batch in parts
        with getattr(self.trainer.strategy, "block_backward_sync", nullcontext)():
            loss = self.learn(batch)
        average_gradients(self.parameters())
        self.optimizers().step()
        self.lr_schedulers().step()
        size = len(batch["target"])
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)

    def on_train_batch_end(self, *_: Any) -> None:
        """The moving average moves; after an epoch, the batch norms' statistics are the mean over the processes."""
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self.trainer.is_last_batch:
            average(value for name, value in self.named_buffers() if "running_" in name)

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
        output = run(self.model, part)
        loss = self._loss(output, part["target"])
        if self.metric is not None:
            loss = loss + self.config.metric_weight * self.metric(output.embedding.float(), part["target"].argmax(1))
        loss = loss * share
        self.manual_backward(loss)
        return loss.detach()

    def _halve(self, whole: int, parts: int) -> None:
        most = whole // 2
        require(parts < most, "batch_size", whole, "a smaller model or image: two samples at once are out of memory")
        self.halved += (-(-whole // min(2 * parts, most)),)
        print(f"out of memory: each batch goes on in parts of {self.halved[-1]}, whose gradients add up", flush=True)

    def validation_step(self, batch: Batch, _: int) -> None:
        """The loss on the held-out part, for early stopping."""
        loss, size = self._loss(run(self.learned, batch), batch["target"]), len(batch["target"])
        self.log("val_loss", loss, prog_bar=True, batch_size=size, sync_dist=True)

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

    def _loss(self, output: Output, target: Tensor) -> Tensor:
        if hasattr(self.model, "loss"):
            return self.model.loss(output, target)
        return action_loss(output.logits.float(), target, self.config)

    def configure_optimizers(self) -> dict:
        """The config's optimizer, with its schedule, stepped every batch."""
        optimizer = build_optimizer(parameter_groups(self.model, self.metric, self.config), self.config)
        schedule = build_schedule(optimizer, self.config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """A batch in so many parts of nearly the same size, none below two samples."""
    parts = max(min(parts, len(batch["target"]) // 2), 1)
    split = {name: value.tensor_split(parts) for name, value in batch.items()}
    return [dict(zip(split, values, strict=True)) for values in zip(*split.values(), strict=True)]
