"""DELG's global branch (Cao, Araujo and Sim 2020): GeM pooling, whitening, ArcFace."""

from dataclasses import dataclass

from torch import Tensor, nn

from actret_core.config import require, require_at_least
from actret_core.models.backbone import build_backbone
from actret_core.models.baselines.arcface import ArcFace
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import generalized_mean


@dataclass(frozen=True)
class DelgConfig(ModelConfig):
    """The defaults are those of the authors' TensorFlow code; a PyTorch version in wide use differs in most.

    dim: of the whitened embedding (the other: 512). p: GeM's power, fixed (the other learns it). margin: ArcFace's, in
    radians (the other: 0.15). scale: of its cosines, here the root of 2048 (the other: 30).
    """

    dim: int = 2048
    p: float = 3.0
    margin: float = 0.1
    scale: float = 45.25

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, self, "dim", "p")
        require_at_least(0, self, "margin")
        require(self.scale > 0, "scale", self.scale, "a positive number")


class Delg(nn.Module):
    """image [B, 3, S, S] -> Output: the embedding is the whitened one, [B, dim]."""

    inputs = ("image",)

    def __init__(self, config: DelgConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.whiten = nn.Linear(self.backbone.dim, config.dim)
        self.arcface = ArcFace(config.dim, config.classes, config.margin, config.scale)

    def head(self, feature_map: Tensor) -> Output:
        """The model after its backbone: from the map [B, D, h, w] to its output."""
        embedding = self.whiten(generalized_mean(feature_map, self.config.p))
        return Output(embedding, self.arcface.logits(embedding))

    def forward(self, image: Tensor) -> Output:
        return self.head(self.backbone(image))

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """ArcFace on the embedding; target [B, C]."""
        return self.arcface(output.embedding, target)
