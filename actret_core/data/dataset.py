"""Samples as tensors: the photograph, the anchored person, its contextual regions and the target."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import ConfigError, DataError


class ActionDataset(Dataset):
    """A split as a torch data set.

    `context` holds the contextual regions of each sample id, [m, 4] xyxy in pixels of the image on disk,
    best first (`regions.ranking.rank_split`). An item is a dict of `image` [3, S, S], `person` [4],
    `regions` [k, 4], `mask` [k] (True where a region is real, the rest is padding), `target` [C] float and
    `index`. With `cache`, the decoded images are kept in memory. Raises DataError, naming the file, for an
    image that cannot be decoded.
    """

    def __init__(
        self,
        split: ActionSplit,
        context: Mapping[str, Tensor],
        k: int,
        transform: v2.Transform,
        cache: bool = False,
    ) -> None:
        check_context(split, context, k)
        self.split, self.context, self.k, self.transform = split, context, k, transform
        self.targets = torch.from_numpy(split.targets).float()
        self._cached = [read_sample(s) for s in split.samples] if cache else None

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample = self.split.samples[index]
        image = self._cached[index] if self._cached else read_sample(sample)
        size = tuple(image.shape[-2:])
        boxes = [torch.tensor([sample.person]), self.context[sample.id][: self.k]]
        boxes = [tv_tensors.BoundingBoxes(b, format="XYXY", canvas_size=size) for b in boxes]
        image, person, regions = self.transform(tv_tensors.Image(image), *boxes)
        regions, mask = pad_regions(regions.as_subclass(Tensor), self.k)
        return {
            "image": image.as_subclass(Tensor),
            "person": person.as_subclass(Tensor)[0],
            "regions": regions,
            "mask": mask,
            "target": self.targets[index],
            "index": torch.tensor(index),
        }


def check_context(split: ActionSplit, context: Mapping[str, Tensor], k: int) -> None:
    """Raise ConfigError if `k` is below one, and DataError unless `context` knows every sample."""
    if k < 1:
        raise ConfigError(f"k={k}: expected at least one contextual region; for none, use features='ag'")
    absent = [i for i in split.ids if i not in context]
    if absent:
        raise DataError(f"no contextual regions for {len(absent)} samples, first {absent[0]}; rank them")


def read_image(path: Path) -> Tensor:
    """An image file as uint8 RGB [3, H, W]. Raises DataError, naming the file, if it is absent or damaged."""
    try:
        with PILImage.open(path) as image:
            return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
    except (OSError, SyntaxError) as error:  # Pillow reports some damaged PNG files as SyntaxError
        raise DataError(f"{path}: cannot be read as an image ({error}); fetch it again") from None


def read_sample(sample: ActionSample) -> Tensor:
    """A sample's photograph as `read_image` gives it. Raises DataError if it is not of the annotated size."""
    image = read_image(sample.image)
    height, width = image.shape[1:]
    if (width, height) != tuple(sample.size):
        raise DataError(f"{sample.image}: {width} x {height} pixels, annotated as {sample.size}")
    return image


def pad_regions(regions: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Pad [m, 4] with zeros to [k, 4] and say which are real: mask [k].

    A region that a crop has cut to nothing is not real either.
    """
    real = ((regions[:, 2] > regions[:, 0]) & (regions[:, 3] > regions[:, 1])).nonzero().squeeze(1)[:k]
    out, mask = torch.zeros(k, 4), torch.zeros(k, dtype=torch.bool)
    out[: len(real)], mask[: len(real)] = regions[real], True
    return out, mask
