"""The photographs of a data set, decoded once and squashed to a square slightly larger than the model's input."""

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

BATCH = 32  # photographs per write


@dataclass(frozen=True)
class PhotoInfo(StoreInfo):
    """A store of photographs: a row is a photograph, uint8 [3, T, T] with T = `image_size`, named by its file name.

    files: `files_digest` of the photographs, so that changed files are noticed.
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
    """Store the photographs of `samples`, for a model with size x size pixels of input, in a file in `folder`.

    They are decoded on the first call; later calls open the file. Its name depends on data set, size and photographs.
    Raises DataError, naming the file, for a photograph that is missing or cannot be decoded.
    """
    photos = {s.image_id: s for s in samples}
    info = PhotoInfo(dataset, tuple(photos), store_side(size), files_digest(s.image for s in photos.values()))
    path = Path(folder) / f"{dataset}-{info.image_size}-{info.files[:12]}.photos.npy"
    return write_photos(path, info, list(photos.values()), workers, progress)


def write_photos(
    path: str | Path, info: PhotoInfo, photos: list[ActionSample], workers: int = 0, progress: bool = True
) -> Store:
    """Store the photographs of `photos`, one sample each, as `info` says in the file at `path`; see `write_store`."""

    def rows(done: int) -> Iterator[np.ndarray]:
        loader = DataLoader(_Squashed(photos[done:], info.image_size), BATCH, num_workers=workers)
        return (batch.numpy() for batch in loader)

    return write_store(path, info, rows, progress)


def files_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the names, the sizes, and the times of modification (in nanoseconds) of some files.

    Contents are not read, which would take minutes: whatever changes a photograph sets its time.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            state = path.stat()
            digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}\n".encode())
        except OSError as error:
            raise DataError(f"{path}: cannot be read as an image ({error}); fetch it again") from None
    return digest.hexdigest()


class _Squashed(Dataset):
    """The photographs of some samples, squashed: uint8 [3, T, T]."""

    def __init__(self, samples: list[ActionSample], side: int) -> None:
        self.samples, self.side = samples, side

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Tensor:
        return squash(read_sample(self.samples[index]), self.side)
