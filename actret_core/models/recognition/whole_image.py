"""ResNet-50 on the image (He et al. 2016): no box, no region."""

from dataclasses import dataclass

from torch import Tensor, nn

from actret_core.config import require
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import POOLINGS, pool_cells


@dataclass(frozen=True)
class WholeImageConfig(ModelConfig):
    """pooling: "avg" as in ResNet-50, or "max" as in Eq. 3."""

    pooling: str = "avg"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.pooling in POOLINGS, "pooling", self.pooling, f"one of {', '.join(POOLINGS)}")


class WholeImage(nn.Module):
    """image [B, 3, S, S] -> Output: the pooled map [B, D] is the embedding, one linear layer the classifier."""

    inputs = ("image",)

    def __init__(self, config: WholeImageConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.classifier = nn.Linear(self.backbone.dim, config.classes)

    def forward(self, image: Tensor) -> Output:
        embedding = pool_cells(self.backbone(image), self.config.pooling)
        return Output(embedding, self.classifier(embedding))
