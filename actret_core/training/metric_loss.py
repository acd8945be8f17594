"""Losses of metric learning, beside the cross-entropy: embeddings of one action together, those of others apart."""

from pytorch_metric_learning.losses import ProxyAnchorLoss, SupConLoss
from torch import nn

from actret_core.config import require
from actret_core.training.config import TrainConfig


def build_metric_loss(model: nn.Module, config: TrainConfig) -> nn.Module | None:
    """The config's loss of embeddings [B, D] and actions [B]; None for "none".

    "supcon" is supervised contrastive learning (Khosla et al. 2020) on the embedding itself, without a projection,
    within the batch at hand; "proxy" the proxy anchor loss (Kim et al. 2020), with a learned proxy for each action;
    both by cosine, at their authors' settings. After mix-up, a picture counts as the action of its larger share.
    Raises ConfigError for a model that has a loss of its own.
    """
    if config.metric == "none":
        return None
    require(hasattr(model, "embedding_dim"), "metric", config.metric, "'none' for a method with a loss of its own")
    if config.metric == "supcon":
        return SupConLoss(temperature=0.1)
    return ProxyAnchorLoss(model.config.classes, model.embedding_dim, margin=0.1, alpha=32)
