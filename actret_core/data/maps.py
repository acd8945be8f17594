"""The cached maps of a frozen backbone: a data set whose images have already gone through conv1 to layer3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.data.transforms import mirror_boxes, real_first, squash_boxes
from actret_core.data.dataset import check_context, pad_regions
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.store import Store, StoreInfo


VIEWS = ("image", "person")


def picture(sample: ActionSample, view: str) -> tuple[str, tuple[int, int, int, int]]:
    """The name of what is seen of a sample, and its window of the photograph: xyxy in whole pixels."""
    if view == "image":
        return sample.image_id, (0, 0, *sample.size)
    x0, y0, x1, y1 = sample.person
    return sample.id, (floor(x0), floor(y0), ceil(x1), ceil(y1))


@dataclass(frozen=True)
class MapInfo(StoreInfo):
    """A store of maps: a row holds those of a picture and of its mirror, float16 [2, C, h, w].

    view: of the whole "image", its names those of photographs, or of the "person" alone, cut out of it, its names ids;
    backbone: the name of the tail that takes the maps; weights: SHA-256 of the front that made them; shape: of
    one map. precision: what the front computed in; it makes no other store.
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
    """A split like ActionDataset, but `image` [C, h, w] is the cached map of the photograph or of the person, float32.

    Boxes are pixels of the squashed S x S picture, as in evaluation; a person's picture cuts the regions at its edge.
    `mirror` is the chance of an item to be the mirror: its map, and its boxes mirrored with it. No crop and no color
    jitter: the maps are made before.
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
        sample, size = self.split.samples[index], self.store.info.image_size
        mirrored = torch.rand(()).item() < self.mirror
        boxes = torch.cat([torch.tensor([sample.person]), pad_regions(self.context[sample.id], self.k)])
        window = torch.tensor(picture(sample, self.store.info.view)[1])
        boxes = squash_boxes(boxes, window, size)                        # [1 + k, 4]
        boxes = mirror_boxes(boxes, size) if mirrored else boxes
        regions, mask = real_first(boxes[1:])
        stored = self.store.values[self.rows[index], int(mirrored)]
        return {
            "image": torch.from_numpy(stored.astype(np.float32)),
            "person": boxes[0],
            "regions": regions,
            "mask": mask,
            "target": self.targets[index],
            "index": torch.tensor(index),
        }
