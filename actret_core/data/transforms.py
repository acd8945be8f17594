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
