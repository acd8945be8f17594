"""The cached maps of a frozen backbone: a data set whose images have already gone through conv1 to layer3."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import ceil, floor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.config import config_from_dict
from actret_core.data.dataset import check_context, pad_regions
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.transforms import mirror_boxes, squash_boxes
from actret_core.errors import DataError


VIEWS = ("image", "person")


def picture(sample: ActionSample, view: str) -> tuple[str, tuple[int, int, int, int]]:
    """The name of what is seen of a sample, and its window of the photograph: xyxy in whole pixels."""
    if view == "image":
        return sample.image_id, (0, 0, *sample.size)
    x0, y0, x1, y1 = sample.person
    return sample.id, (floor(x0), floor(y0), ceil(x1), ceil(y1))


@dataclass(frozen=True)
class MapInfo:
    """What a store of maps holds, as its sidecar `<path>.json` says.

    dataset; view: of the whole "image", or of the "person" alone, cut out of it; names: of the N pictures, in the order
    of the maps: file names of photographs, or ids of persons; image_size: side S of the square that they are squashed
    to; backbone: the name of the tail that takes the maps; weights: SHA-256 of the front that made them; shape: of
    one map. precision: what the front computed in; it makes no other store.
    """

    dataset: str
    view: str
    names: tuple[str, ...]
    image_size: int
    backbone: str
    weights: str
    shape: tuple[int, int, int]
    precision: str = field(compare=False)

    @property
    def row_bytes(self) -> int:
        """Bytes of the two maps of one picture, in float16."""
        return 2 * 2 * int(np.prod(self.shape))

    def check(self, path: Path, other: "MapInfo") -> None:
        """Raise DataError, naming the fields, unless what stands at `path` is a store of `other`."""
        differ = [f.name for f in fields(self) if f.compare and getattr(self, f.name) != getattr(other, f.name)]
        if differ:
            said = ", ".join(_difference(name, getattr(self, name), getattr(other, name)) for name in differ)
            raise DataError(f"{path}: maps of another kind: {said}; name another file or delete it")


def _difference(name: str, found: object, wanted: object) -> str:
    if name == "names":
        return f"{len(found)} pictures (wanted {len(wanted)}) or others"
    short = [f"{v[:8]}..." if name == "weights" else repr(v) for v in (found, wanted)]
    return f"{name} {short[0]} (wanted {short[1]})"


def sidecar(path: Path) -> Path:
    """The file that says what the store at `path` holds; it is written last."""
    return Path(f"{path}.json")


def read_info(path: Path) -> MapInfo:
    """Read a sidecar. Raises DataError, naming it, if it is absent or damaged."""
    try:
        return config_from_dict(MapInfo, json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a readable description of maps ({error}); delete it, write them again") from None


class MapStore:
    """The maps of each picture and of its mirror, [N, 2, C, h, w] float16, read from disk as they are needed.

    `training.maps.write_maps` writes one. Raises DataError if the file is absent, cut, or was never finished.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.info = read_info(sidecar(self.path))
        expected = len(self.info.names) * self.info.row_bytes
        found = self.path.stat().st_size if self.path.is_file() else 0
        if found != expected:
            raise DataError(f"{self.path}: {found:,} bytes, expected {expected:,}; delete it and write the maps again")
        shape = (len(self.info.names), 2, *self.info.shape)
        self.maps = np.memmap(self.path, np.float16, "r", shape=shape)

    def __reduce__(self) -> tuple:
        return MapStore, (self.path,)  # a loading process opens the file again, and does not receive gigabytes

    def rows(self, split: ActionSplit) -> list[int]:
        """The row of each sample's picture. Raises DataError for a split with pictures that are not stored."""
        row = {name: i for i, name in enumerate(self.info.names)}
        names = [picture(s, self.info.view)[0] for s in split.samples]
        absent = [name for name in names if name not in row]
        if absent or split.dataset != self.info.dataset:
            what = f"no map of {absent[0]} and {len(absent) - 1} more" if absent else f"maps of {self.info.dataset}"
            raise DataError(f"{self.path}: {what}, asked for {split.dataset}/{split.name}; write its maps")
        return [row[name] for name in names]


class MapDataset(Dataset):
    """A split like ActionDataset, but `image` [C, h, w] is the cached map of the photograph or of the person, float32.

    Boxes are pixels of the squashed S x S picture, as in evaluation; a person's picture cuts the regions at its edge.
    With `augment`, half of the items at random are the mirror: its map, and its boxes mirrored with it. No crop and
    no color jitter: the maps are made before.
    """

    def __init__(
        self, split: ActionSplit, context: Mapping[str, Tensor], k: int, store: MapStore, augment: bool = False
    ) -> None:
        check_context(split, context, k)
        self.split, self.context, self.k, self.store, self.augment = split, context, k, store, augment
        self.targets, self.rows = torch.from_numpy(split.targets).float(), store.rows(split)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample, size = self.split.samples[index], self.store.info.image_size
        mirrored = self.augment and torch.rand(()).item() < 0.5
        boxes = torch.cat([torch.tensor([sample.person]), self.context[sample.id][: self.k]])
        boxes = squash_boxes(boxes, picture(sample, self.store.info.view)[1], size)  # [1 + m, 4]
        boxes = mirror_boxes(boxes, size) if mirrored else boxes
        regions, mask = pad_regions(boxes[1:], self.k)
        stored = self.store.maps[self.rows[index], int(mirrored)]
        return {
            "image": torch.from_numpy(stored.astype(np.float32)),
            "person": boxes[0],
            "regions": regions,
            "mask": mask,
            "target": self.targets[index],
            "index": torch.tensor(index),
        }
