"""A foreground mask over the map, after the idea of Action Mask (Zhang et al. 2016)."""

import torch
from torch import Tensor, nn

from actret_core.config import PositiveInt, Share, config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.region_net import pool_regions


@config_class
class ActionMaskConfig(ModelConfig):
    """The boxes that a mask is made of. The defaults are the region-aware model's, so that both see the same."""

    k: PositiveInt = 10              # contextual regions of a person, at most (Eq. 2, Section 4.1)
    min_score: Share = 0.05          # confidence that a proposal needs (as RegionNetConfig)
    max_iou: Share = 1.0             # proposals that overlap the person more are left out (as RegionNetConfig)
    roi_size: PositiveInt = 3        # cells on a side of a box, from which it is judged (as RegionNetConfig)


def cell_coverage(boxes: Tensor, image_size: int, height: int, width: int) -> Tensor:
    """The share of each cell that a box covers: boxes [B, n, 4] xyxy in pixels -> [B, n, height, width] in [0, 1]."""
    along_x = _covered(boxes[..., 0], boxes[..., 2], image_size / width, width)
    along_y = _covered(boxes[..., 1], boxes[..., 3], image_size / height, height)
    return along_y.unsqueeze(3) * along_x.unsqueeze(2)


def _covered(start: Tensor, stop: Tensor, cell: float, count: int) -> Tensor:
    """The same along one axis: the share of each of `count` cells, `cell` pixels long, in [start, stop]."""
    edges = torch.arange(count, device=start.device) * cell              # [count]
    inside = torch.minimum(stop[..., None], edges + cell) - torch.maximum(start[..., None], edges)
    return inside.clamp(min=0) / cell                                    # [B, n, count]


def noisy_or(evidence: Tensor, coverage: Tensor) -> Tensor:
    """Evidence of boxes [B, n] and their coverage [B, n, h, w] -> mask [B, h, w], all in [0, 1].

    A cell is background only as far as every box leaves it: 1 minus the product of what the boxes leave.
    """
    return 1 - (1 - evidence[..., None, None] * coverage).prod(1)


class ActionMask(nn.Module):
    """image [B, 3, S, S], person [B, 4], regions [B, k, 4], mask [B, k] -> Output.

    A linear layer reads from the pooled feature of each box how much it belongs to the action. This evidence is spread
    over the cells that the box covers, and the embedding [B, D] is the average of the map, weighted by this mask.

    It differs from the method of 2016, which learns from the action's label alone and is given no box, neither of the
    person nor of a detector: that one proposes segments, finds the mask of the interaction of human and object by an
    optimization, and then classifies what is inside. Ours keeps only the idea, to look at the foreground alone: it has
    boxes instead of segments, knows the person, and learns mask and features together by the loss of the action.
    """

    inputs = ("image", "person", "regions", "mask")

    def __init__(self, config: ActionMaskConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.evidence = nn.Linear(self.backbone.dim, 1)
        nn.init.zeros_(self.evidence.weight), nn.init.zeros_(self.evidence.bias)  # all boxes count the same at first
        self.classifier = nn.Linear(self.backbone.dim, config.classes)

    def foreground(self, feature_map: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> Tensor:
        """The mask over the cells of the map [B, D, h, w], in [0, 1]: [B, h, w]."""
        c = self.config
        real = torch.cat([mask.new_ones(len(mask), 1), mask], dim=1)     # [B, k+1]
        boxes = torch.cat([person[:, None], regions], dim=1).masked_fill(~real[..., None], 0)
        pooled = pool_regions(feature_map, boxes, real, c.image_size, c.roi_size)
        evidence = self.evidence(pooled).squeeze(2).float().sigmoid() * real
        return noisy_or(evidence, cell_coverage(boxes, c.image_size, *feature_map.shape[2:]))

    def forward(self, image: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> Output:
        feature_map = self.backbone(image).float()                       # F, [B, D, h, w]
        weight = self.foreground(feature_map, person, regions, mask)[:, None]
        embedding = (feature_map * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-6)
        return Output(embedding, self.classifier(embedding))
