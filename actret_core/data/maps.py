"""The cached maps of a frozen backbone: a data set whose images have already gone through conv1 to layer3."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.config import config_from_dict
from actret_core.data.dataset import check_context, pad_regions
from actret_core.data.sample import ActionSplit
from actret_core.errors import DataError


@dataclass(frozen=True)
class MapInfo:
    """What a store of maps holds, as its sidecar `<path>.json` says.

    dataset; images: the names of its N photographs, in the order of the maps; image_size: side S of the square that
    they are squashed to; backbone: the name of the tail that takes the maps; weights: SHA-256 of the front that made
    them; shape: of one map. precision: what the front computed in; it makes no other store.
    """

    dataset: str
    images: tuple[str, ...]
    image_size: int
    backbone: str
    weights: str
    shape: tuple[int, int, int]
    precision: str = field(compare=False)

    @property
    def row_bytes(self) -> int:
        """Bytes of the two maps of one photograph, in float16."""
        return 2 * 2 * int(np.prod(self.shape))

    def check(self, path: Path, other: "MapInfo") -> None:
        """Raise DataError, naming the fields, unless what stands at `path` is a store of `other`."""
        differ = [f.name for f in fields(self) if f.compare and getattr(self, f.name) != getattr(other, f.name)]
        if differ:
            said = ", ".join(_difference(name, getattr(self, name), getattr(other, name)) for name in differ)
            raise DataError(f"{path}: maps of another kind: {said}; name another file or delete it")


def _difference(name: str, found: object, wanted: object) -> str:
    if name == "images":
        return f"{len(found)} images (wanted {len(wanted)}) or others"
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
        raise DataError(f"{path}: not a readable description of maps ({error}); delete it and write the maps again") from None


class MapStore:
    """The maps of each photograph and of its mirror, [N, 2, C, h, w] float16, read from disk as they are needed.

    `training.maps.write_maps` writes one. Raises DataError if the file is absent, cut, or was never finished.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.info = read_info(sidecar(self.path))
        expected = len(self.info.images) * self.info.row_bytes
        found = self.path.stat().st_size if self.path.is_file() else 0
        if found != expected:
            raise DataError(f"{self.path}: {found:,} bytes, expected {expected:,}; delete it and write the maps again")
        shape = (len(self.info.images), 2, *self.info.shape)
        self.maps = np.memmap(self.path, np.float16, "r", shape=shape)

    def __reduce__(self) -> tuple:
        return MapStore, (self.path,)  # a loading process opens the file again, and does not receive gigabytes

    def rows(self, split: ActionSplit) -> list[int]:
        """The row of each sample's photograph. Raises DataError for a split with photographs that are not stored."""
        row = {name: i for i, name in enumerate(self.info.images)}
        absent = [s.image_id for s in split.samples if s.image_id not in row]
        if absent or split.dataset != self.info.dataset:
            what = f"no map of {absent[0]} and {len(absent) - 1} more" if absent else f"maps of {self.info.dataset}"
            raise DataError(f"{self.path}: {what}, asked for {split.dataset}/{split.name}; write its maps")
        return [row[s.image_id] for s in split.samples]


class MapDataset(Dataset):
    """A split like ActionDataset, but `image` [C, h, w] is the photograph's cached map, float32.

    Boxes are pixels of the squashed S x S image, as in evaluation. With `augment`, every second item in the mean is
    the mirror: its map, and its boxes mirrored with it. No crop and no color jitter: the maps are made before.
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
        boxes = squash_boxes(boxes, sample.size, size)                   # [1 + m, 4]
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


def squash_boxes(boxes: Tensor, size: tuple[int, int], side: int) -> Tensor:
    """Boxes [n, 4] xyxy of an image of (width, height) pixels -> those of the image squashed to side x side."""
    width, height = size
    return (boxes * torch.tensor([side / width, side / height] * 2)).clamp(0, side)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes [n, 4] xyxy -> those of the image mirrored left to right."""
    x0, y0, x1, y1 = boxes.unbind(1)
    return torch.stack([width - x1, y0, width - x0, y1], dim=1)
