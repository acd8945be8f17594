"""The region-aware model: read it beside Fig. 2 of the paper."""

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from actret_core.models.backbone import build_backbone
from actret_core.models.config import RegionNetConfig
from actret_core.models.config import Output
from actret_core.models.fusion import FusionHead
from actret_core.models.pooling import POOL


def pool_regions(
    feature_map: Tensor, boxes: Tensor, mask: Tensor, image_size: int, roi_size: int, pooling: str = "max"
) -> Tensor:
    """One vector a box (Eq. 1 and 2): RoI Align on F, then the maximum over its cells, or another `POOL`.

    feature_map [B, D, h, w]; boxes [B, n, 4] xyxy in pixels of the square image of side `image_size`; mask [B, n].
    Returns [B, n, D]; padding boxes are not pooled and give zeros.
    """
    image_index, box_index = mask.nonzero(as_tuple=True)                 # [R], [R]
    rois = torch.cat([image_index[:, None].to(boxes), boxes[mask]], dim=1)   # [R, 5]
    scale = feature_map.shape[3] / image_size
    # RoI Align has no bfloat16 kernel on every device
    pooled = roi_align(feature_map.float(), rois.float(), roi_size, scale, sampling_ratio=2, aligned=True)
    out = pooled.new_zeros(*mask.shape, feature_map.shape[1])
    return out.index_put((image_index, box_index), POOL[pooling](pooled))


class RegionNet(nn.Module):
    """Eq. 1-5: image [B, 3, S, S], person [B, 4], regions [B, k, 4] and mask [B, k] -> Output.

    Boxes are xyxy in pixels of the S x S image, S the config's `image_size`; mask is True where a region is real.
    With a backbone "..._tail", `image` is the cached map [B, 1024, S/16, S/16] instead.
    """

    inputs = ("image", "person", "regions", "mask")

    def __init__(self, config: RegionNetConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone)
        self.head, self.embedding_dim = FusionHead(config, self.backbone.dim), self.backbone.dim

    def tokens(self, image: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """F_a, F_g and F_l of the config's features, in this order: tokens [B, T, D] and mask [B, T]."""
        feature_map = self.backbone(image)                               # F, [B, D, h, w]
        present = mask.new_ones(len(mask), 1)                            # [B, 1]
        boxes, real = torch.cat([person[:, None], regions], 1), torch.cat([present, mask], 1)
        # not image.shape: the boxes are pixels of the photograph also where `image` is its cached map
        c = self.config
        pooled = pool_regions(feature_map, boxes, real, c.image_size, c.roi_size, c.pooling)
        views = {
            "a": (pooled[:, :1], present),                               # Eq. 1
            "g": (POOL[c.pooling](feature_map)[:, None], present),       # Eq. 3
            "l": (pooled[:, 1:], mask),                                  # Eq. 2
        }
        chosen = [views[letter] for letter in "agl" if letter in c.features]
        return torch.cat([t for t, _ in chosen], 1), torch.cat([m for _, m in chosen], 1)

    def forward(self, image: Tensor, person: Tensor, regions: Tensor, mask: Tensor) -> Output:
        return self.head(*self.tokens(image, person, regions, mask))
