"""Joint transforms of an image and its boxes (torchvision v2), and mix-up of a batch.

A sample is the tuple (image, person, regions) of tv_tensors: uint8 `Image` [3, H, W], `BoundingBoxes`
[1, 4] and [m, 4], xyxy in pixels. After a transform the image is a float tensor [3, S, S], normalized, and
the boxes lie in it.
"""

from typing import Any

import torch
from torch import Tensor
from torchvision import transforms as v1
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes, Image

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def eval_transform(size: int) -> v2.Transform:
    """Squash the whole image to `size` x `size`, so that no part of the scene is cut off."""
    return v2.Compose([v2.Resize((size, size)), *_to_model()])


def train_transform(
    size: int, min_crop: float = 0.6, jitter: float = 0.2, pad_crop: int = 0, erasing: float = 0.0
) -> v2.Transform:
    """Random crop around the anchored person (at least `min_crop` of the area), flip, color jitter, squash.

    With `pad_crop`, the squashed image is shifted over black by up to so many pixels instead of that crop. `erasing`:
    the chance that a rectangle of 2 to 40% of the image becomes the mean color.
    """
    crop = v2.RandomCrop(size, padding=pad_crop) if pad_crop else v2.Identity()
    return v2.Compose(
        [
            v2.Identity() if pad_crop else PersonCrop(min_crop),
            v2.Resize((size, size)),
            v2.RandomHorizontalFlip(),
            crop,
            v2.ColorJitter(jitter, jitter, jitter),
            *_to_model(),
            *([EraseImage(erasing, scale=(0.02, 0.4))] if erasing else []),
        ]
    )


def _to_model() -> list[v2.Transform]:
    to_float = v2.ToDtype(torch.float32, scale=True)
    return [v2.ClampBoundingBoxes(), to_float, v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]


class PersonCrop(v2.Transform):
    """A random crop that keeps at least `keep` of the anchored person; the whole image if none is found.

    The crop covers `min_area` to 1 of the image's area at an aspect ratio of 3:4 to 4:3. The person is the
    first box of the sample.
    """

    def __init__(self, min_area: float, keep: float = 0.7, tries: int = 10) -> None:
        super().__init__()
        self.min_area, self.keep, self.tries = min_area, keep, tries

    def make_params(self, flat_inputs: list[Any]) -> dict[str, int]:
        """Top, left, height and width of the crop, in pixels."""
        image = flat_inputs[0]
        person = next(x for x in flat_inputs if isinstance(x, BoundingBoxes))[0]
        for _ in range(self.tries):
            crop = v1.RandomResizedCrop.get_params(image, [self.min_area, 1.0], [3 / 4, 4 / 3])
            if _share_inside(person, *crop) >= self.keep:
                return dict(zip(("top", "left", "height", "width"), crop, strict=True))
        return {"top": 0, "left": 0, "height": image.shape[-2], "width": image.shape[-1]}

    def transform(self, inpt: Any, params: dict[str, int]) -> Any:
        """Crop one image or set of boxes."""
        return v2.functional.crop(inpt, **params)


class EraseImage(v2.RandomErasing):
    """torchvision's random erasing of the image alone: the boxes stay, without its warning that they do."""

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Erase a rectangle of an image; anything else comes back as it is."""
        return super().transform(inpt, params) if isinstance(inpt, Image) else inpt


def _share_inside(box: Tensor, top: int, left: int, height: int, width: int) -> float:
    """The part of `box` (xyxy) that lies inside the crop, in [0, 1]."""
    x0, y0, x1, y1 = box.tolist()
    w = min(x1, left + width) - max(x0, left)
    h = min(y1, top + height) - max(y0, top)
    return max(w, 0) * max(h, 0) / ((x1 - x0) * (y1 - y0))


def squash_boxes(boxes: Tensor, window: tuple[float, float, float, float], side: int) -> Tensor:
    """Boxes [n, 4] xyxy of an image -> those of its window (xyxy), cut out and squashed to side x side pixels."""
    x0, y0, x1, y1 = window
    scale = torch.tensor([side / (x1 - x0), side / (y1 - y0)] * 2)
    return ((boxes - torch.tensor([x0, y0] * 2)) * scale).clamp(0, side)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes [n, 4] xyxy -> those of the image mirrored left to right."""
    x0, y0, x1, y1 = boxes.unbind(1)
    return torch.stack([width - x1, y0, width - x0, y1], dim=1)


def mix_up(image: Tensor, target: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix-up (Zhang et al. 2018) of a batch with itself, shifted by one.

    image [B, 3, H, W], target [B, C]. The weight is max(b, 1 - b) with b ~ Beta(alpha, alpha), so the
    photograph whose boxes are pooled is always the dominant one; torchvision's `v2.MixUp` knows no boxes.
    """
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    share = max(share, 1 - share)
    return share * image + (1 - share) * image.roll(1, 0), share * target + (1 - share) * target.roll(1, 0)
