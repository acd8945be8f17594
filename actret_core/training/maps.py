"""Compute the feature maps of a whole split by the frozen front of a backbone, once for all trainings of its tail."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from actret_core.config import require
from actret_core.data.dataset import read_sample
from actret_core.data.maps import VIEWS, MapInfo, picture
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.store import Store, write_store
from actret_core.data.transforms import normalize, squash
from actret_core.errors import DataError
from actret_core.files import weights_sha256
from actret_core.models.backbone import FrontBackbone
from actret_core.training.device import autocast, pick_device, pick_precision


def write_maps(
    split: ActionSplit, front: FrontBackbone, path: str | Path, image_size: int = 224,
    view: str = "image", batch_size: int = 32, precision: str = "auto", progress: bool = True,
) -> Store:
    """Store the maps of every photograph of `split` and of its mirror image in a file at `path`; computed once.

    With `view` "person", the maps are those of every anchored person, cut out of the photograph before squashing.
    `precision` is as in TrainConfig. An existing file at `path` is opened, continued or refused, see `write_store`.
    """
    require(view in VIEWS, "view", view, f"one of {', '.join(VIEWS)}")
    pictures = {picture(s, view)[0]: s for s in split.samples}
    side = -(-image_size // front.stride)
    info = MapInfo(
        split.dataset, tuple(pictures), image_size, view, front.whole, weights_sha256(front), (front.dim, side, side),
        pick_precision(precision),
    )

    def rows(done: int) -> Iterator[np.ndarray]:
        pending = _Pictures(list(pictures.values())[done:], info)
        return (_maps(front, images, info) for images in DataLoader(pending, batch_size))

    return write_store(path, info, rows, progress)


@torch.inference_mode()
def _maps(front: FrontBackbone, images: Tensor, info: MapInfo) -> np.ndarray:
    """images uint8 [B, 3, S, S] -> [B, 2, C, h, w] float16: the map of each image and of its mirror."""
    front.to(pick_device(), memory_format=torch.channels_last).eval()
    images = normalize(images.to(pick_device()) / 255)
    both = torch.stack([images, images.flip(3)], dim=1).flatten(0, 1)    # [2B, 3, S, S]
    with autocast(info.precision):
        maps = front(both.contiguous(memory_format=torch.channels_last))
    maps = maps.half().cpu().contiguous().numpy()
    if not np.isfinite(maps).all():
        raise DataError("a map does not fit into float16: are these the weights of this backbone?")
    return maps.reshape(len(images), 2, *info.shape)


class _Pictures(Dataset):
    """The pictures of some samples (`data.maps.picture`), squashed: uint8 [3, S, S]."""

    def __init__(self, samples: list[ActionSample], info: MapInfo) -> None:
        self.samples, self.view, self.side = samples, info.view, info.image_size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Tensor:
        x0, y0, x1, y1 = picture(self.samples[index], self.view)[1]
        return squash(read_sample(self.samples[index])[:, y0:y1, x0:x1], self.side)
