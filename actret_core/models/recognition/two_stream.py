"""The image and the person's box side by side: the baseline of Zhao et al. 2017, as the paper describes it."""

from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from actret_core.config import PositiveInt, config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.pooling import pool_cells


@config_class
class TwoStreamConfig(ModelConfig):
    """How the two streams are pooled."""

    pooling: Literal["avg", "max"] = "avg"  # of the cells of both streams (ResNet-50's)
    roi_size: PositiveInt = 7               # cells on a side of the person's box (ours)


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
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.classifier = nn.Linear(2 * self.backbone.dim, config.classes)

    def forward(self, image: Tensor, person: Tensor) -> Output:
        c, feature_map = self.config, self.backbone(image)               # [B, D, h, w]
        cells = person_cells(feature_map, person, c.image_size, c.roi_size)
        embedding = torch.cat([pool_cells(feature_map, c.pooling), pool_cells(cells, c.pooling)], dim=1)
        return Output(embedding, self.classifier(embedding))
