"""The image and the person's box side by side: the baseline of Zhao et al. 2017, as the paper describes it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from actret_core.config import require, require_at_least
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import POOLINGS, pool_cells


@dataclass(frozen=True)
class TwoStreamConfig(ModelConfig):
    """pooling: "avg" or "max" over the cells of both streams. roi_size: cells of the person's box on a side."""

    pooling: str = "avg"
    roi_size: int = 7

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.pooling in POOLINGS, "pooling", self.pooling, f"one of {', '.join(POOLINGS)}")
        require_at_least(1, self, "roi_size")


def person_cells(feature_map: Tensor, person: Tensor, image_size: int, roi_size: int) -> Tensor:
    """RoI Align of one box an image: map [B, D, h, w], person [B, 4] xyxy in pixels -> [B, D, roi_size, roi_size]."""
    boxes = list(person.float()[:, None])                                # B tensors [1, 4]
    scale = feature_map.shape[3] / image_size
    return roi_align(feature_map.float(), boxes, roi_size, scale, sampling_ratio=2, aligned=True)


class TwoStream(nn.Module):
    """image [B, 3, S, S] and person [B, 4] -> Output; the embedding [B, 2D] is image and person, concatenated.

    Both streams pool the same map, so they share one backbone and see the image at one resolution. The other reading
    would be two crops through two backbones; that doubles the parameters and enlarges the person.
    """

    inputs = ("image", "person")

    def __init__(self, config: TwoStreamConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.classifier = nn.Linear(2 * self.backbone.dim, config.classes)

    def forward(self, image: Tensor, person: Tensor) -> Output:
        c, feature_map = self.config, self.backbone(image)               # [B, D, h, w]
        cells = person_cells(feature_map, person, c.image_size, c.roi_size)
        embedding = torch.cat([pool_cells(feature_map, c.pooling), pool_cells(cells, c.pooling)], dim=1)
        return Output(embedding, self.classifier(embedding))
