"""How boxes move when their picture does; xyxy, any leading dimensions."""

import torch
from torch import Tensor


def squash_boxes(boxes: Tensor, window: Tensor, side: int) -> Tensor:
    """Boxes [..., n, 4] of an image -> those of its window [..., 4], cut out and squashed to side x side pixels."""
    low, high = window[..., None, :2], window[..., None, 2:]             # [..., 1, 2]
    corner, extent = torch.cat([low, low], -1), torch.cat([high - low, high - low], -1)
    return ((boxes - corner) * side / extent).clamp(0, side)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes [..., 4] -> those of the image mirrored left to right."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    return torch.stack([width - x1, y0, width - x0, y1], -1)


def real_first(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes [..., k, 4] with those of positive area first, in their order, then zeros; and which are real: [..., k].

    Padding has no area, and neither has a region that a crop has cut to nothing.
    """
    real = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    order = (~real).byte().argsort(dim=-1, stable=True)
    return (boxes * real[..., None]).gather(-2, order[..., None].expand_as(boxes)), real.gather(-1, order)
