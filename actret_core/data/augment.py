"""Random augmentation of a whole batch, on its device: first the random choices are drawn, then they are applied."""

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from actret_core.config import NonNegativeFloat, NonNegativeInt, PositiveShare, Share, config_class
from actret_core.data.transforms import normalize, resample, view_boxes


@config_class
class Augment:
    """How strongly pictures are augmented; the default is not at all, as in evaluation."""

    min_crop: PositiveShare = 1.0    # least area of a random crop, as a share of the image
    pad_crop: NonNegativeInt = 0     # pixels that the image is shifted by at most, over black, in place of a crop
    jitter: NonNegativeFloat = 0.0   # strength of brightness, contrast and saturation; 0: none
    erasing: Share = 0.0             # probability that a rectangle is erased
    mirror: Share = 0.0              # probability that left and right are exchanged


class RandomChoices(NamedTuple):
    """The random choices for a batch of B pictures.

    window [B, 4]: the part that is seen, xyxy in pixels of the photograph; mirrored [B] bool; shift [B, 2]: pixels to
    the right and down, over black; color [B, 3]: factors of brightness, contrast and saturation, or None; erased
    [B, 4]: a rectangle to fill with the mean color, xyxy, or None. `shift` and `erased` are in pixels of the input.
    """

    window: Tensor
    mirrored: Tensor
    shift: Tensor
    color: Tensor | None = None
    erased: Tensor | None = None


def prepare(
    batch: dict[str, Tensor], side: int, augment: Augment = Augment(), generator: Generator | None = None
) -> dict[str, Tensor]:
    """Turn a batch as it is stored into the input of a model of side x side pixels, augmented as `augment` says.

    Stored: image uint8 [B, 3, T, T], size [B, 2] (width, height), person [B, 4] and regions [B, k, 4] xyxy in pixels
    of the photograph, zeros where there are fewer than k. Returned: image float [B, 3, S, S], normalized; the boxes in
    its pixels; mask [B, k], True where a region is real. All other entries are passed on.
    """
    return apply_choices(batch, side, draw_choices(batch["size"], batch["person"], side, augment, generator))


def draw_choices(
    size: Tensor, person: Tensor, side: int, augment: Augment, generator: Generator | None = None
) -> RandomChoices:
    """Draw the random choices for photographs of `size` [B, 2] (width, height) with persons [B, 4], on their device."""
    pad, chance = augment.pad_crop, torch.rand(len(size), 6, generator=generator, device=size.device)
    window = torch.cat([torch.zeros_like(size), size], 1)
    if augment.min_crop < 1 and not pad:
        window = person_crops(size, person, augment.min_crop, generator)
    shift = (chance[:, 1:3] * (2 * pad + 1)).floor() - pad
    color = (1 + augment.jitter * (2 * chance[:, 3:] - 1)).clamp(min=0) if augment.jitter else None
    erased = erased_boxes(len(size), side, augment.erasing, size.device, generator) if augment.erasing else None
    return RandomChoices(window, chance[:, 0] < augment.mirror, shift, color, erased)


def apply_choices(batch: dict[str, Tensor], side: int, choices: RandomChoices) -> dict[str, Tensor]:
    """The second half of `prepare`: apply random choices that have been drawn."""
    scale = batch["image"].shape[-1] / batch["size"].repeat(1, 2)        # [B, 4], photograph to store
    image = resample(batch["image"], choices.window * scale, side, choices.mirrored, choices.shift).div_(255)
    if choices.color is not None:
        image = change_colors(image, choices.color)
    image = normalize(image)
    if choices.erased is not None:
        image = erase(image, choices.erased)
    seen = {"image": image.contiguous(memory_format=torch.channels_last)}
    seen |= view_boxes(batch["person"], batch["regions"], choices.window, side, choices.mirrored, choices.shift)
    return seen | {name: value for name, value in batch.items() if name not in ("size", *seen)}


def person_crops(
    size: Tensor, person: Tensor, min_area: float, generator: Generator | None = None, keep: float = 0.7,
    tries: int = 20,
) -> Tensor:
    """Random windows [B, 4] that keep at least `keep` of each person; the whole photograph if `tries` draws fail.

    A window covers `min_area` to 1 of the photograph's area at an aspect ratio of 3:4 to 4:3. size [B, 2] is
    (width, height), person [B, 4] xyxy; all in pixels of the photograph.
    """
    area, aspect, across, down = torch.rand(4, tries, len(size), generator=generator, device=size.device)
    area = (min_area + (1 - min_area) * area) * size.prod(1)             # [tries, B]
    aspect = torch.exp(math.log(4 / 3) * (2 * aspect - 1))
    extent = torch.stack([area * aspect, area / aspect], -1).sqrt()      # [tries, B, 2], width and height
    corner = torch.stack([across, down], -1) * (size - extent)
    windows = torch.cat([corner, corner + extent], -1)
    fits = (extent <= size).all(-1) & (share_inside(person, windows) >= keep)
    whole = torch.cat([torch.zeros_like(size), size], 1)
    first = fits.byte().argmax(0)                                        # of the tries that fit, 0 if none does
    chosen = windows[first, torch.arange(len(size), device=size.device)]
    return torch.where(fits.any(0)[:, None], chosen, whole)


def share_inside(boxes: Tensor, windows: Tensor) -> Tensor:
    """The part of each box that lies inside its window, in [0, 1]; xyxy, [..., 4]."""
    low, high = torch.maximum(boxes[..., :2], windows[..., :2]), torch.minimum(boxes[..., 2:], windows[..., 2:])
    return (high - low).clamp(min=0).prod(-1) / (boxes[..., 2:] - boxes[..., :2]).prod(-1)


def change_colors(image: Tensor, factors: Tensor) -> Tensor:
    """Brightness, then contrast, then saturation of image [B, 3, H, W] in [0, 1], by factors [B, 3]; 1 changes nothing.

    Each moves away from black, from the mean gray or from the gray of each pixel, as torchvision's color jitter.
    """
    brightness, contrast, saturation = factors[..., None, None, None].unbind(1)  # [B, 1, 1, 1] each
    image = (image * brightness).clamp_(0, 1)
    image = _blend(image, _gray(image).mean((2, 3), keepdim=True), contrast)
    return _blend(image, _gray(image), saturation)


def _blend(image: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return (share * image).add_((1 - share) * other).clamp_(0, 1)


def _gray(image: Tensor) -> Tensor:
    red, green, blue = image.split(1, 1)
    return 0.2989 * red + 0.587 * green + 0.114 * blue                   # [B, 1, H, W]


def erased_boxes(
    count: int, side: int, chance: float, device: torch.device, generator: Generator | None = None
) -> Tensor:
    """Rectangles [count, 4], xyxy in whole pixels, of 2 to 40% of a picture's area.

    With probability 1 - `chance`, or if none of ten draws fits, a rectangle is empty.
    """
    area, aspect, across, down, hit = torch.rand(5, 10, count, generator=generator, device=device)
    area, aspect = (0.02 + 0.38 * area) * side**2, torch.exp(math.log(10 / 3) * (2 * aspect - 1))
    extent = torch.stack([area * aspect, area / aspect], -1).sqrt().round()   # [10, count, 2]
    fits = (extent < side).all(-1)
    first, every = fits.byte().argmax(0), torch.arange(count, device=device)
    extent = extent[first, every] * (fits.any(0) & (hit[0] < chance))[:, None]
    corner = (torch.stack([across[0], down[0]], -1) * (side + 1 - extent)).floor()
    return torch.cat([corner, corner + extent], 1)


def erase(image: Tensor, boxes: Tensor) -> Tensor:
    """Put 0, the mean color, into a rectangle [B, 4] of each image [B, 3, S, S]."""
    pixel = torch.arange(image.shape[-1], device=image.device)
    x0, y0, x1, y1 = boxes[..., None].unbind(1)                          # [B, 1] each
    columns, rows = (pixel >= x0) & (pixel < x1), (pixel >= y0) & (pixel < y1)
    return image.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)
