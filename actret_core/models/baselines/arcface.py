"""ArcFace for targets that may be soft: classifier and loss of DELG and R50-Token."""

import math

import torch
from pytorch_metric_learning.losses import ArcFaceLoss
from pytorch_metric_learning.reducers import DoNothingReducer
from pytorch_metric_learning.utils.common_functions import TorchInitWrapper
from torch import Tensor, nn


def action_shares(target: Tensor) -> Tensor:
    """Targets [B, C] as rows that sum to 1: two actions count half each; a person of none of the actions stays zero."""
    return target / target.sum(1, keepdim=True).clamp(min=1)


class ArcFace(nn.Module):
    """A weight vector for each of C actions; the loss adds a margin to the angle between it and the embedding.

    `margin` is in radians (pytorch-metric-learning takes degrees), `scale` multiplies the cosines. Everything is
    computed in float32: near a cosine of 1, bfloat16 is too coarse for the angle.
    """

    def __init__(self, dim: int, classes: int, margin: float, scale: float) -> None:
        super().__init__()
        self.loss = ArcFaceLoss(
            classes, dim, math.degrees(margin), scale,
            weight_init_func=TorchInitWrapper(nn.init.xavier_uniform_), reducer=DoNothingReducer(),
        )

    def logits(self, embedding: Tensor) -> Tensor:
        """Scaled cosines [B, C] of embeddings [B, D], without the margin: for recognition."""
        with torch.autocast(embedding.device.type, enabled=False):
            return self.loss.get_logits(embedding.float())

    def forward(self, embedding: Tensor, target: Tensor) -> Tensor:
        """The mean loss of embeddings [B, D]; a target row [C] weighs the losses of its actions by their shares.

        So a mixed-up image costs the mix of both losses, and a person of none of the actions costs nothing.
        """
        rows, actions = target.nonzero(as_tuple=True)                    # [n], [n]
        if not len(rows):
            return embedding.sum() * 0
        with torch.autocast(embedding.device.type, enabled=False):
            losses = self.loss(embedding.float()[rows], actions)["loss"]["losses"]
        return (losses * action_shares(target)[rows, actions]).sum() / len(target)
