"""Operations on images and their boxes: squash, crop, mirror, normalize, mix-up. Chance is in `augment`."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def store_side(size: int) -> int:
    """Side T of the square that photographs are stored in, for a model with size x size pixels of input: 256 for 224.

    It is square, so that photographs of every shape fit into one batch, and a seventh larger than the input, so that a
    crop of 77% of each side still has nine tenths of the pixels of the input. T is a multiple of eight.
    """
    return 8 * -(-size // 7)


def squash(image: Tensor, side: int) -> Tensor:
    """Resize an image uint8 [3, H, W] to [3, side, side] without keeping its aspect ratio: nothing is cut off."""
    return F.resize(image, [side, side], antialias=True)


def normalize(image: Tensor) -> Tensor:
    """Subtract ImageNet's mean color from images [..., 3, H, W] in [0, 1] and divide by its standard deviation."""
    mean, std = _imagenet(image.device)
    return (image - mean).div_(std)


@cache  # a copy to the GPU in each batch would make it wait
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, std


def mix_share(alpha: float, rng: np.random.Generator) -> float:
    """The share of the first photograph in a mix-up: max(b, 1 - b) with b ~ Beta(alpha, alpha).

    At least a half, so that the photograph whose boxes are pooled dominates; torchvision's `v2.MixUp` ignores boxes.
    """
    share = rng.beta(alpha, alpha)
    return max(share, 1 - share)


def mix_up(image: Tensor, target: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al. 2018) of each item, image [B, 3, H, W] and target [B, C], with the item before it.

    Item i becomes share * i + (1 - share) * (i - 1); the first is mixed with the last.
    """
    return share * image + (1 - share) * image.roll(1, 0), share * target + (1 - share) * target.roll(1, 0)


def view_boxes(
    person: Tensor, regions: Tensor, window: Tensor, side: int, mirrored: Tensor, shift: Tensor | None = None
) -> dict[str, Tensor]:
    """Transform the boxes of a photograph to its view: a window, squashed to side x side, mirrored, then shifted.

    person [..., 4], regions [..., k, 4] and window [..., 4] are xyxy in pixels of the photograph; mirrored [...] bool;
    shift [..., 2] in pixels of the view, to the right and down. Returns `person` [..., 4] and `regions` [..., k, 4],
    xyxy in pixels of the view and clipped to it, and `mask` [..., k]: real regions come first, see `real_first`.
    """
    boxes = squash_boxes(torch.cat([person[..., None, :], regions], -2), window, side)   # [..., 1 + k, 4]
    boxes = torch.where(mirrored[..., None, None], mirror_boxes(boxes, side), boxes)
    if shift is not None:
        boxes = (boxes + torch.cat([shift, shift], -1)[..., None, :]).clamp(0, side)
    regions, mask = real_first(boxes[..., 1:, :])
    return {"person": boxes[..., 0, :], "regions": regions, "mask": mask}


def squash_boxes(boxes: Tensor, window: Tensor, side: int) -> Tensor:
    """Transform boxes [..., n, 4] of an image to its window [..., 4] squashed to side x side, clipped; all xyxy."""
    low, high = window[..., None, :2], window[..., None, 2:]             # [..., 1, 2]
    corner, extent = torch.cat([low, low], -1), torch.cat([high - low, high - low], -1)
    return ((boxes - corner) * side / extent).clamp(0, side)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Mirror boxes [..., 4], xyxy, as an image of `width` pixels is mirrored left to right."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    return torch.stack([width - x1, y0, width - x0, y1], -1)


def real_first(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Move the real boxes of [..., k, 4], xyxy, to the front, in their order, and fill the rest with zeros.

    A box is real if its area is positive: padding has none, nor has a region that lies outside a crop. Returns the
    boxes and a mask [..., k], True where they are real.
    """
    real = (boxes[..., 2:] > boxes[..., :2]).all(-1)
    order = (~real).byte().argsort(dim=-1, stable=True)
    return (boxes * real[..., None]).gather(-2, order[..., None].expand_as(boxes)), real.gather(-1, order)


def resample(images: Tensor, windows: Tensor, side: int, mirrored: Tensor, shift: Tensor) -> Tensor:
    """Cut a window out of every image, squash it to side x side, mirror it, then shift it over black.

    images [B, 3, T, T] of any type; windows [B, 4] xyxy in pixels of these images; mirrored [B] bool; shift [B, 2] in
    whole pixels of the result, to the right and down. Returns float32 [B, 3, side, side] of the same range. For windows
    of whole pixels, this is torchvision's antialiased resize of each crop, for the whole batch at once.
    """
    position = torch.arange(side, device=images.device) - shift[..., None]   # [B, 2, side], before the shift
    seen = (position >= 0) & (position < side)
    columns, rows = position.unbind(1)
    columns = torch.where(mirrored[:, None], side - 1 - columns, columns)
    x0, y0, x1, y1 = windows.unbind(1)
    across = _weights(columns, x0, x1, side, images.shape[3]) * seen[:, 0, :, None]
    down = _weights(rows, y0, y1, side, images.shape[2]) * seen[:, 1, :, None]
    wide = images.float().flatten(1, 2) @ across.mT                      # [B, 3 T, side]
    return down[:, None] @ wide.unflatten(1, images.shape[1:3])


def _weights(position: Tensor, start: Tensor, end: Tensor, side: int, length: int) -> Tensor:
    """The weights of `length` input pixels in each output pixel, along one axis: [B, side, length], rows sum to 1.

    The input from `start` to `end` [B] becomes `side` output pixels; those at `position` [B, side] are computed. The
    weights are a triangle around the output pixel's center that reaches to the next center (to the next input pixel if
    the image grows); input pixels outside of `start` to `end` have none.
    """
    step = (end - start) / side                                          # [B], input pixels for each output pixel
    center = start[:, None] + (position + 0.5) * step[:, None]           # [B, side]
    pixel = torch.arange(length, device=position.device) + 0.5              # [T]
    away = (center[..., None] - pixel).abs_() / step.clamp(min=1)[:, None, None]
    inside = (pixel > start[:, None]) & (pixel < end[:, None])           # [B, T]
    weight = (1 - away).clamp_(min=0) * inside[:, None]
    return weight / weight.sum(2, keepdim=True).clamp(min=1e-6)
