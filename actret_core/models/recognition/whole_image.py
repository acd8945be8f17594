"""ResNet-50 on the image (He et al. 2016): no box, no region."""

from typing import Literal

from torch import Tensor, nn

from actret_core.config import config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import pool_cells


@config_class
class WholeImageConfig(ModelConfig):
    """How the map is pooled."""

    pooling: Literal["avg", "max"] = "avg"  # of the map's cells: avg as in ResNet-50, max as in Eq. 3


class WholeImage(nn.Module):
    """image [B, 3, S, S] -> Output: the pooled map [B, D] is the embedding, one linear layer the classifier."""

    inputs = ("image",)

    def __init__(self, config: WholeImageConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.classifier = nn.Linear(self.backbone.dim, config.classes)

    def forward(self, image: Tensor) -> Output:
        embedding = pool_cells(self.backbone(image), self.config.pooling)
        return Output(embedding, self.classifier(embedding))
