"""The Lightning module: one for every model of the book."""

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actret_core.data.transforms import mix_up
from actret_core.models.fusion import Output
from actret_core.training.config import TrainConfig
from actret_core.training.schedule import build_optimizer, build_schedule


def action_loss(logits: Tensor, target: Tensor, config: TrainConfig) -> Tensor:
    """Eq. 6, or binary cross-entropy if `multi_label`: logits and target [B, C]; a target may be soft."""
    if config.multi_label:
        return F.binary_cross_entropy_with_logits(logits, target)
    return F.cross_entropy(logits, target, label_smoothing=config.label_smoothing)


class ActionModule(L.LightningModule):
    """Trains any module that names its `inputs` among a batch's keys and returns an Output.

    A module with a `loss(output, target)` of its own is trained by it; any other by `action_loss`.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.config = model, config

    def forward(self, batch: dict[str, Tensor]) -> Output:
        return self.model(**{name: batch[name] for name in self.model.inputs})

    def on_train_epoch_start(self) -> None:
        """Batch norm in evaluation mode keeps its statistics; its scale and shift still learn."""
        if self.config.freeze_bn_stats:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """One batch, mixed up if the config says so."""
        if self.config.mixup and "image" in batch:
            image, target = mix_up(batch["image"], batch["target"], self.config.mixup)
            batch = {**batch, "image": image, "target": target}
        loss = self._loss(batch)
        self.log("train_loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch["target"]))
        return loss

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """The loss on the held-out part, for early stopping."""
        self.log("val_loss", self._loss(batch), prog_bar=True, batch_size=len(batch["target"]))

    def on_before_optimizer_step(self, _: torch.optim.Optimizer) -> None:
        """Clip the gradient's norm; Lightning's own clipping refuses fused optimizers."""
        if self.config.clip:
            nn.utils.clip_grad_norm_(self.parameters(), self.config.clip)

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        output = self(batch)
        if hasattr(self.model, "loss"):
            return self.model.loss(output, batch["target"])
        return action_loss(output.logits.float(), batch["target"], self.config)

    def configure_optimizers(self) -> dict:
        """The config's optimizer, with its schedule, stepped every batch."""
        optimizer = build_optimizer(self.parameters(), self.config)
        schedule = build_schedule(optimizer, self.config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
