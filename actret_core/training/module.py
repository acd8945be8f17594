"""The Lightning module that trains every model of the book."""

from contextlib import nullcontext
from math import ceil
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from actret_core.data.transforms import mix_share, mix_up
from actret_core.distributed import average, average_gradients
from actret_core.errors import ConfigError
from actret_core.models.config import Output
from actret_core.training.batches import Batch, Prepare, run_model
from actret_core.training.config import TrainConfig
from actret_core.training.metric_loss import build_metric_loss
from actret_core.training.parts import part_counts, split_batch
from actret_core.training.schedule import build_optimizer, build_schedule, parameter_groups


def action_loss(logits: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """Eq. 6, or binary cross-entropy with `multi_label`: logits and target [B, C]; targets may be soft."""
    if config.multi_label:
        return F.binary_cross_entropy_with_logits(logits, target)
    return F.cross_entropy(logits, target, label_smoothing=config.label_smoothing)


def moving_average(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of the model whose weights and statistics are an exponential moving average over the batches.

    After each batch: average = decay * average + (1 - decay) * model.
    """
    follower = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return follower.requires_grad_(False).eval()


class ActionModule(L.LightningModule):
    """Trains any model that names its `inputs` among the keys of a batch and returns an Output.

    The loss is the model's own `loss(output, target)` if it has one, else `action_loss`. `prepare` and `prepare_held`
    turn loaded batches into input of the model, on the device: training batches, and those of the held-out part. If
    memory runs out, this batch and all later ones are split into parts, whose gradients are added; `halved` lists the
    sizes of the parts, one for each time. With several processes, each has its part of the batch, and all use their
    mean gradient.
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
        self._seed_epoch(0)

    @property
    def learned(self) -> nn.Module:
        """The model to evaluate and keep: the trained one, or the moving average of its weights."""
        return self.model if self.average is None else self.average.module

    def _seed_epoch(self, epoch: int) -> None:
        """Seed this epoch's random numbers by seed, epoch and process, so that a resumed run draws the same ones."""
        self._rng = np.random.default_rng([self.config.seed, epoch, self.global_rank])
        self._generator = torch.Generator(self.device).manual_seed(int(self._rng.integers(2**63)))

    def on_train_epoch_start(self) -> None:
        """Seed the epoch, and freeze the batch norms' statistics if the config says so."""
        self._seed_epoch(self.current_epoch)
        torch.manual_seed(int(self._rng.integers(2**63)))                # for dropout and randomly drawn items
        if self.config.freeze_bn_stats:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()  # keeps its statistics; scale and shift are still trained

    def on_after_batch_transfer(self, batch: Batch, _: int) -> Batch:
        """Prepare a loaded batch on the device, and mix up the images of a training batch if the config says so."""
        training = self.trainer.training
        # Lightning validates once before the first epoch, when the generator is still the CPU's
        prepare, generator = (self._prepare, self._generator) if training else (self._prepare_held, None)
        batch = prepare(batch, generator) if prepare else batch
        if training and self.config.mixup and "image" in batch:
            share = mix_share(self.config.mixup, self._rng)
            image, target = mix_up(batch["image"], batch["target"], share)
            batch = {**batch, "image": image, "target": target}
        return batch

    def training_step(self, batch: Batch, _: int) -> None:
        """One step of the optimizer and of its schedule, with the gradient of one batch."""
        # DDP would exchange gradients during each backward pass, of which a process that splits its batch has more
        with getattr(self.trainer.strategy, "block_backward_sync", nullcontext)():
            loss = self.learn(batch)
        average_gradients(self.parameters())
        self.optimizers().step()
        self.lr_schedulers().step()
        size = len(batch["target"])
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=size, sync_dist=True)

    def on_train_batch_end(self, *_: Any) -> None:
        """Update the moving average; after an epoch, average the batch norms' statistics over the processes."""
        if self.average is not None:
            self.average.update_parameters(self.model)
        if self.trainer.is_last_batch:
            average(value for name, value in self.named_buffers() if "running_" in name)

    def learn(self, batch: Batch) -> Tensor:
        """Leave the gradient of the batch's loss in the parameters, and return the loss.

        If memory runs out, the batch is repeated in smaller parts. Raises ConfigError if two samples do not fit.
        """
        size = len(batch["target"])
        for attempt, count in enumerate(part_counts(size, 2 ** len(self.halved))):
            if attempt > 0:
                self._remember(ceil(size / count))
            loss = self._attempt(split_batch(batch, count))
            if loss is not None:
                return loss
        raise ConfigError(f"batch_size={size}: expected a smaller model or image: two samples are out of memory")

    def _remember(self, size: int) -> None:
        self.halved += (size,)
        print(f"out of memory: batches are now split into parts of {size}, whose gradients are added", flush=True)

    def _attempt(self, parts: list[Batch]) -> Tensor | None:
        """The loss of a batch given in parts, with its gradient in the parameters; None if memory runs out."""
        self.zero_grad()  # a failed attempt may have left the gradients of some parts
        size = sum(len(part["target"]) for part in parts)
        try:
            return sum(self._backward(part, len(part["target"]) / size) for part in parts)
        except torch.OutOfMemoryError:
            pass  # the memory is emptied below, when the exception no longer holds the failed attempt's tensors
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None

    def _backward(self, part: Batch, share: float) -> Tensor:
        """Add the gradient of a part that is this `share` of its batch; returns its share of the loss."""
        output = run_model(self.model, part)
        loss = self._loss(output, part["target"])
        if self.metric is not None:
            loss = loss + self.config.metric_weight * self.metric(output.embedding.float(), part["target"].argmax(1))
        loss = loss * share
        self.manual_backward(loss)
        return loss.detach()

    def validation_step(self, batch: Batch, _: int) -> None:
        """The loss on the held-out part, for early stopping."""
        loss, size = self._loss(run_model(self.learned, batch), batch["target"]), len(batch["target"])
        self.log("val_loss", loss, prog_bar=True, batch_size=size, sync_dist=True)

    def on_before_optimizer_step(self, _: torch.optim.Optimizer) -> None:
        """Clip the gradient's norm. (Lightning's own clipping does not allow fused optimizers.)"""
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters(), self.config.clip)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save `halved`, so that a resumed run splits its batches at once."""
        checkpoint["halved"] = self.halved

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore `halved`."""
        self.halved = checkpoint["halved"]

    def _loss(self, output: Output, target: Tensor) -> Tensor:
        if hasattr(self.model, "loss"):
            return self.model.loss(output, target)
        return action_loss(output.logits.float(), target, self.config)

    def configure_optimizers(self) -> dict:
        """The config's optimizer and learning rate schedule, which is stepped after every batch."""
        optimizer = build_optimizer(parameter_groups(self.model, self.metric, self.config), self.config)
        schedule = build_schedule(optimizer, self.config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
