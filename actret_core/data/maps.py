"""Cached feature maps: a data set whose images have already passed the frozen part of a backbone, conv1 to layer3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.data.dataset import check_context, pad_regions
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.store import Store, StoreInfo
from actret_core.data.transforms import view_boxes


VIEWS = ("image", "person")


def picture(sample: ActionSample, view: str) -> tuple[str, tuple[int, int, int, int]]:
    """The picture that `view` shows of a sample: its name in a store, and its window, xyxy in whole pixels.

    The view "image" is the whole photograph, named by its file; "person" is the person's box, named by the sample's id.
    """
    if view == "image":
        return sample.image_id, (0, 0, *sample.size)
    x0, y0, x1, y1 = sample.person
    return sample.id, (floor(x0), floor(y0), ceil(x1), ceil(y1))


@dataclass(frozen=True)
class MapInfo(StoreInfo):
    """A store of feature maps: a row holds the map of a picture and the map of its mirror image, float16 [2, C, h, w].

    view: what the pictures show, "image" or "person" (see `picture`); backbone: the name of that whose last stage takes
    the maps; weights: SHA-256 of the front that computed them; shape: (C, h, w); precision: in which the front
    computed, not compared, so that a store is used on any device.
    """

    ROWS = "maps"
    DTYPE = np.float16

    view: str
    backbone: str
    weights: str
    shape: tuple[int, int, int]
    precision: str = field(compare=False)

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of a row."""
        return (2, *self.shape)


class MapDataset(Dataset):
    """A split like ActionDataset, but `image` is the cached map of the sample's picture, float32 [C, h, w].

    Boxes are xyxy in pixels of the squashed S x S picture, clipped to it. With probability `mirror`, an item is that of
    the mirror image. There is no other augmentation, since the maps are computed beforehand.
    """

    def __init__(
        self, split: ActionSplit, context: Mapping[str, Tensor], k: int, store: Store, mirror: float = 0.0
    ) -> None:
        check_context(split, context, k)
        self.split, self.context, self.k, self.store, self.mirror = split, context, k, store, mirror
        self.targets = torch.from_numpy(split.targets).float()
        self.rows = store.rows(split.dataset, [picture(s, store.info.view)[0] for s in split.samples])

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample, info = self.split.samples[index], self.store.info
        mirrored = torch.rand(()) < self.mirror
        window = torch.tensor(picture(sample, info.view)[1])
        person, regions = torch.tensor(sample.person), pad_regions(self.context[sample.id], self.k)
        image = self.store.values[self.rows[index], int(mirrored)]
        return {
            "image": torch.from_numpy(image.astype(np.float32)),
            **view_boxes(person, regions, window, info.image_size, mirrored),
            "target": self.targets[index],
            "index": torch.tensor(index),
        }
