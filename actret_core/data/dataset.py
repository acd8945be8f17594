"""Samples as tensors: the photograph, the box of the anchored person, its contextual regions and the target."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage, ImageOps
from torch import Generator, Tensor
from torch.utils.data import Dataset, default_collate

from actret_core.data.augment import Augment, prepare
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.data.store import Store
from actret_core.data.transforms import squash, store_side
from actret_core.errors import ConfigError, DataError


WHITE = {"F": (1, 255, 65535), "I": (255, 65535)}
"""Values that white may have in a grey picture of floating-point or of whole numbers, by Pillow's name of its mode."""


class ActionDataset(Dataset):
    """A split as a torch data set for a model with size x size pixels of input.

    `context` holds the contextual regions of each sample id, [m, 4] xyxy in pixels of the image on disk, best first
    (`regions.ranking.rank_split`). An item is a dict of `image` [3, S, S], `person` [4], `regions` [k, 4], `mask` [k]
    (True where a region is real, False where it is padding), `target` [C] float and `index`. Images are augmented as
    `augment` says. `photos` is a store of the split's photographs (`photos.store_photos`); without it, each image is
    decoded from its file every time, with the same result.

    For speed, `fit` and `embed` load the stored samples, `raw`, and `prepare` whole batches of them on the device.
    """

    def __init__(
        self, split: ActionSplit, context: Mapping[str, Tensor], k: int, size: int,
        photos: Store | None = None, augment: Augment = Augment(),
    ) -> None:
        check_context(split, context, k)
        self.split, self.context, self.k, self.size, self.augment = split, context, k, size, augment
        self.raw = StoredSamples(split, context, k, store_side(size), photos)
        self.targets = self.raw.targets

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        batch = self.prepare(default_collate([self.raw[index]]))
        return {name: value[0] for name, value in batch.items()}

    def prepare(self, batch: dict[str, Tensor], generator: Generator | None = None) -> dict[str, Tensor]:
        """Turn a batch of `raw` into input of a model; see `augment.prepare`."""
        return prepare(batch, self.size, self.augment, generator)


class StoredSamples(Dataset):
    """The samples of a split as they are stored, squashed to side x side pixels.

    An item is a dict of `image` uint8 [3, T, T], `size` [2] (width, height), `person` [4] and `regions` [k, 4], xyxy in
    pixels of the photograph, `target` [C] and `index`. Raises DataError for a store of another data set or image size.
    """

    def __init__(
        self, split: ActionSplit, context: Mapping[str, Tensor], k: int, side: int, photos: Store | None
    ) -> None:
        self.split, self.side, self.photos = split, side, photos
        self.rows = photos and _rows(photos, split, side)
        self.targets = torch.from_numpy(split.targets).float()
        self.sizes, self.persons = (torch.tensor([getattr(s, name) for s in split.samples], dtype=torch.float32)
                                    for name in ("size", "person"))
        self.regions = torch.stack([pad_regions(context[s.id], k) for s in split.samples])

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {
            "image": self._image(index),
            "size": self.sizes[index],
            "person": self.persons[index],
            "regions": self.regions[index],
            "target": self.targets[index],
            "index": torch.tensor(index),
        }

    def _image(self, index: int) -> Tensor:
        if self.photos is None:
            return squash(read_sample(self.split.samples[index]), self.side)
        return torch.from_numpy(self.photos.values[self.rows[index]].copy())


def _rows(photos: Store, split: ActionSplit, side: int) -> list[int]:
    found = photos.info.image_size
    if found != side:
        what = f"photographs of {found} x {found} pixels, asked for {side} x {side}"
        raise DataError(f"{photos.path}: {what}; store them for this image size")
    return photos.rows(split.dataset, [s.image_id for s in split.samples])


def check_context(split: ActionSplit, context: Mapping[str, Tensor], k: int) -> None:
    """Raise ConfigError if `k` is below one, and DataError unless `context` holds the regions of every sample."""
    if k < 1:
        raise ConfigError(f"k={k}: expected at least one contextual region; for none, use features='ag'")
    absent = [i for i in split.ids if i not in context]
    if absent:
        raise DataError(f"no contextual regions for {len(absent)} samples, first {absent[0]}; rank them")


def read_image(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """An image file as uint8 RGB [3, H, W]. Grey values of 16 bits or floating point are scaled to 8 bits.

    size: the annotated (width, height). Only if it fits the picture as its EXIF orientation turns it, and not the
    pixels as they are stored, the picture is turned. Raises DataError, naming the file, if it is missing, damaged, or
    over Pillow's size limit.
    """
    try:
        with PILImage.open(path) as image:
            return torch.from_numpy(np.array(_eight_bits(_turned(image, size)).convert("RGB"))).permute(2, 0, 1)
    except PILImage.DecompressionBombError as error:
        raise DataError(f"{path}: over Pillow's size limit ({error}); save it with fewer pixels") from None
    except Exception as error:  # Pillow's decoders raise nearly everything for a damaged file
        raise DataError(f"{path}: cannot be read as an image ({error}); fetch or save it again") from None


def _turned(image: PILImage.Image, size: tuple[int, int] | None) -> PILImage.Image:
    if size is None or image.size == tuple(size):
        return image
    turned = ImageOps.exif_transpose(image)
    return turned if turned.size == tuple(size) else image


def _eight_bits(image: PILImage.Image) -> PILImage.Image:
    """A grey picture of 16 bits or floating point with 8 bits; Pillow would cut its values at 255."""
    whites = (65535,) if image.mode.startswith("I;16") else WHITE.get(image.mode)
    if whites is None:
        return image
    values = np.asarray(image, dtype=np.float64)
    low, high = values.min(), values.max()
    # a resampled picture leaves the range by a little
    white = next((w for w in whites if high <= 1.1 * w), 0)
    if not white or low < -0.1 * white:
        raise ValueError(f"grey values from {low:g} to {high:g}: which is white?")
    return PILImage.fromarray(np.rint(values * (255 / white)).clip(0, 255).astype(np.uint8))


def read_sample(sample: ActionSample) -> Tensor:
    """A sample's photograph, uint8 RGB [3, H, W]. Raises DataError if its size is not the annotated one."""
    image = read_image(sample.image, sample.size)
    height, width = image.shape[1:]
    if (width, height) != tuple(sample.size):
        raise DataError(f"{sample.image}: {width} x {height} pixels, annotated as {sample.size}")
    return image


def pad_regions(regions: Tensor, k: int) -> Tensor:
    """The first k of regions [m, 4], padded with zeros if there are fewer: [k, 4]."""
    return torch.cat([regions[:k], regions.new_zeros(max(k - len(regions), 0), 4)])
