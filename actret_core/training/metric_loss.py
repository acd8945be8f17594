"""Metric learning losses, added to the cross-entropy: they pull embeddings of one action together, others apart."""

from pytorch_metric_learning.losses import ProxyAnchorLoss, SupConLoss
from torch import nn

from actret_core.config import require
from actret_core.training.config import TrainConfig


def build_metric_loss(model: nn.Module, config: TrainConfig) -> nn.Module | None:
    """The loss that `config.metric` names, a function of embeddings [B, D] and actions [B]; None for "none".

    "supcon" is the supervised contrastive loss (Khosla et al. 2020) within a batch, on the embedding itself, without a
    projection head; "proxy" is the proxy anchor loss (Kim et al. 2020), with a learned proxy for each action. Both use
    cosine similarity and their authors' settings. Raises ConfigError for a model that has a loss of its own.
    """
    if config.metric == "none":
        return None
    require(hasattr(model, "embedding_dim"), "metric", config.metric, "'none' for a method with a loss of its own")
    if config.metric == "supcon":
        return SupConLoss(temperature=0.1)
    return ProxyAnchorLoss(model.config.classes, model.embedding_dim, margin=0.1, alpha=32)
