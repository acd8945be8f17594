"""DELG's global branch (Cao, Araujo and Sim 2020): GeM pooling, whitening, ArcFace."""

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from actret_core.config import READ, NonNegativeFloat, PositiveFloat, PositiveInt, config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.baselines.arcface import ArcFace
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import generalized_mean

Power = Annotated[float, Field(ge=1), READ]


@config_class
class DelgConfig(ModelConfig):
    """The defaults are those of the authors' TensorFlow code; "other" is a PyTorch version in wide use."""

    dim: PositiveInt = 2048          # of the whitened embedding (authors' code; other: 512)
    p: Power = 3.0                   # of the generalized mean, fixed (authors' code; other: learned)
    margin: NonNegativeFloat = 0.1   # ArcFace's, in radians (authors' code; other: 0.15)
    scale: PositiveFloat = 45.25     # of ArcFace's cosines, the root of 2048 (authors' code; other: 30)


class Delg(nn.Module):
    """image [B, 3, S, S] -> Output: the embedding is the whitened one, [B, dim]."""

    inputs = ("image",)

    def __init__(self, config: DelgConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
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
