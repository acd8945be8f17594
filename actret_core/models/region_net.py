"""The region-aware model: read it beside Fig. 2 of the paper."""

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from actret_core.models.backbone import build_backbone
from actret_core.models.config import Output, RegionNetConfig
from actret_core.models.fusion import FusionHead
from actret_core.models.pooling import pool_cells


def pool_regions(
    feature_map: Tensor, boxes: Tensor, mask: Tensor, image_size: int, roi_size: int, pooling: str = "max"
) -> Tensor:
    """One vector for each box (Eq. 1 and 2): RoI Align on F, then the maximum over its cells, or another of POOLINGS.

    feature_map [B, D, h, w]; boxes [B, n, 4] xyxy in pixels of the square image of side `image_size`; mask [B, n].
    Returns [B, n, D]; padding boxes are not pooled and give zeros.
    """
    of_each_image = boxes[mask].float().split(mask.sum(1).tolist())      # B tensors [real boxes, 4]
    scale = feature_map.shape[3] / image_size
    # RoI Align has no bfloat16 kernel on every device
    cells = roi_align(feature_map.float(), of_each_image, roi_size, scale, sampling_ratio=2, aligned=True)
    out = cells.new_zeros(*mask.shape, feature_map.shape[1])
    out[mask] = pool_cells(cells, pooling)
    return out


class RegionNet(nn.Module):
    """Eq. 1-5: image [B, 3, S, S], person [B, 4], regions [B, k, 4] and mask [B, k] -> Output.

    Boxes are xyxy in pixels of the S x S image, where S is the config's `image_size`; mask is True where a region is
    real and False where it is padding. With `on_maps`, `image` is the cached map [B, 1024, S/16, S/16].
    """

    inputs = ("image", "person", "regions", "mask")

    def __init__(self, config: RegionNetConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.head, self.embedding_dim = FusionHead(config, self.backbone.dim), self.backbone.dim

    def tokens(self, image: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """F_a, F_g and F_l, those that the config's `features` name, in this order: tokens [B, T, D], mask [B, T]."""
        feature_map = self.backbone(image)                               # F, [B, D, h, w]
        present = mask.new_ones(len(mask), 1)                            # [B, 1]
        boxes, real = torch.cat([person[:, None], regions], 1), torch.cat([present, mask], 1)
        # not image.shape: boxes are in pixels of the photograph, also where `image` is its cached map
        c = self.config
        pooled = pool_regions(feature_map, boxes, real, c.image_size, c.roi_size, c.pooling)
        views = {
            "a": (pooled[:, :1], present),                               # Eq. 1
            "g": (pool_cells(feature_map, c.pooling)[:, None], present),  # Eq. 3
            "l": (pooled[:, 1:], mask),                                  # Eq. 2
        }
        chosen = [views[letter] for letter in "agl" if letter in c.features]
        return torch.cat([t for t, _ in chosen], 1), torch.cat([m for _, m in chosen], 1)

    def forward(self, image: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> Output:
        return self.head(*self.tokens(image, person, regions, mask))
