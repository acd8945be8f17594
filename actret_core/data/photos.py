"""The photographs of a data set, decoded once: squashed to a square a little larger than a model sees."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from actret_core.data.dataset import read_sample
from actret_core.data.sample import ActionSample
from actret_core.data.store import Store, StoreInfo, write_store
from actret_core.data.transforms import squash, store_side
from actret_core.errors import DataError

BATCH = 32  # photographs that are written at once


@dataclass(frozen=True)
class PhotoInfo(StoreInfo):
    """A store of photographs: a row is one, uint8 [3, T, T] with T = `image_size`, its name that of the file.

    files: SHA-256 of the names and bytes of the files, in order: other files make another store.
    """

    ROWS = "photographs"
    DTYPE = np.uint8

    files: str

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of a row."""
        return (3, self.image_size, self.image_size)


def store_photos(
    dataset: str, samples: Iterable[ActionSample], size: int, folder: Path, workers: int = 0, progress: bool = True
) -> Store:
    """The photographs of `samples` for a model that sees size x size pixels, in a file in `folder`; decoded once.

    Other files of the same data set have a store beside it. Raises DataError, naming it, for a file that is absent or
    cannot be decoded.
    """
    photos = {s.image_id: s for s in samples}
    info = PhotoInfo(dataset, tuple(photos), store_side(size), files_digest(s.image for s in photos.values()))
    path = Path(folder) / f"{dataset}-{info.image_size}-{info.files[:12]}.photos"
    return write_photos(path, info, list(photos.values()), workers, progress)


def write_photos(
    path: str | Path, info: PhotoInfo, photos: list[ActionSample], workers: int = 0, progress: bool = True
) -> Store:
    """The same in the file at `path`, where no store of another data set, size or files may stand."""

    def rows(done: int) -> Iterator[np.ndarray]:
        loader = DataLoader(_Squashed(photos[done:], info.image_size), BATCH, num_workers=workers)
        return (batch.numpy() for batch in loader)

    return write_store(path, info, rows, progress)


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the names of some files and of their sizes: quick, and a changed photograph has other bytes."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        except OSError as error:
            raise DataError(f"{path}: cannot be read as an image ({error}); fetch it again") from None
    return digest.hexdigest()


class _Squashed(Dataset):
    """The photographs of some samples as they are stored: [3, T, T]."""

    def __init__(self, samples: list[ActionSample], side: int) -> None:
        self.samples, self.side = samples, side

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Tensor:
        return squash(read_sample(self.samples[index]), self.side)
