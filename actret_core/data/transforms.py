"""What is done to a picture as a whole: squash, normalize, mix-up. See `augment` for the rest."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def store_side(size: int) -> int:
    """Side T of the square that photographs are kept in, for a model that sees size x size pixels: 256 for 224.

    A square, so that photographs of every shape make one batch; and a seventh larger, so that a crop of 77% of each
    side still has nine tenths of the pixels that the model sees. A multiple of eight.
    """
    return 8 * -(-size // 7)


def squash(image: Tensor, side: int) -> Tensor:
    """An image uint8 [3, H, W] -> [3, side, side]: the whole scene, so that nothing at its border is cut off."""
    return F.resize(image, [side, side], antialias=True)


def normalize(image: Tensor) -> Tensor:
    """Colors [..., 3, H, W] in [0, 1] -> as ImageNet's weights expect them: 0 is the mean color."""
    mean, std = _imagenet(image.device)
    return (image - mean).div_(std)


@cache  # a GPU would wait for each copy of them
def _imagenet(device: torch.device) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return mean, std


def mix_share(alpha: float, rng: np.random.Generator) -> float:
    """The share of the first photograph in a mix-up: max(b, 1 - b) with b ~ Beta(alpha, alpha).

    So the photograph whose boxes are pooled is always the dominant one; torchvision's `v2.MixUp` knows no boxes.
    """
    share = rng.beta(alpha, alpha)
    return max(share, 1 - share)


def mix_up(image: Tensor, target: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al. 2018) of a batch with itself, shifted by one: image [B, 3, H, W], target [B, C]."""
    return share * image + (1 - share) * image.roll(1, 0), share * target + (1 - share) * target.roll(1, 0)


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


def resample(images: Tensor, windows: Tensor, side: int, mirrored: Tensor, shift: Tensor) -> Tensor:
    """Cut a window out of every image, squash it to side x side, mirror it, then shift it over black.

    images [B, 3, T, T] of any type; windows [B, 4] xyxy in pixels of these images; mirrored [B] bool; shift [B, 2]
    whole pixels of the result, to the right and down. Returns float32 [B, 3, side, side] of the same range. The same
    as torchvision's antialiased resize of each crop, where the windows are whole pixels.
    """
    place = torch.arange(side, device=images.device) - shift[..., None]      # [B, 2, side], before the shift
    seen = (place >= 0) & (place < side)
    columns, rows = place.unbind(1)
    columns = torch.where(mirrored[:, None], side - 1 - columns, columns)
    x0, y0, x1, y1 = windows.unbind(1)
    across = _taps(columns, x0, x1, side, images.shape[3]) * seen[:, 0, :, None]
    down = _taps(rows, y0, y1, side, images.shape[2]) * seen[:, 1, :, None]
    wide = images.float().flatten(1, 2) @ across.mT                      # [B, 3 T, side]
    return down[:, None] @ wide.unflatten(1, images.shape[1:3])


def _taps(place: Tensor, start: Tensor, end: Tensor, side: int, length: int) -> Tensor:
    """How much each of `length` pixels counts in each place of a result: [B, side, length], rows that sum to 1.

    place [B, side] of the `side` pixels that the stretch from `start` to `end` [B] becomes. A triangle around its
    center, wide enough to reach the next one; pixels outside of the stretch do not count.
    """
    step = (end - start) / side                                          # [B], pixels that become one
    center = start[:, None] + (place + 0.5) * step[:, None]              # [B, side]
    pixel = torch.arange(length, device=place.device) + 0.5              # [T]
    away = (center[..., None] - pixel).abs_() / step.clamp(min=1)[:, None, None]
    inside = (pixel > start[:, None]) & (pixel < end[:, None])           # [B, T]
    weight = (1 - away).clamp_(min=0) * inside[:, None]
    return weight / weight.sum(2, keepdim=True).clamp(min=1e-6)
