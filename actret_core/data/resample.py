"""Crop, mirror, shift and squash a whole batch: each picture times one matrix for its rows and one for its columns."""

import torch
from torch import Tensor


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
