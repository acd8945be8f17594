"""Region tokens of a frozen backbone, compressed to bytes: a real data set without its photographs."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedShuffleSplit
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.errors import DataError
from actret_core.files import UNREADABLE, atomic_path


@dataclass(frozen=True)
class FrozenTokens:
    """The tokens of N images from a frozen backbone, in the order of Eq. 5: person, whole image, k regions.

    values [N, k+2, d] int8, to be multiplied by scale [d]; regions [N]: how many regions are real, the rest is padding;
    boxes [N, k+1, 4] uint16: the person and the regions, xyxy in pixels of the image on disk; labels [N]: indices into
    actions [C]; ids [N]; train [N]: True for the training set.
    """

    values: np.ndarray
    scale: np.ndarray
    regions: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    ids: np.ndarray
    train: np.ndarray
    actions: np.ndarray

    def save(self, path: Path) -> None:
        """Write one compressed `.npz`, completely or not at all."""
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "FrozenTokens":
        """Read a file that `save` wrote. Raises DataError, naming it, if it is missing, damaged or another file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{name: file[name] for name in cls.__dataclass_fields__})
        except UNREADABLE as error:
            raise DataError(f"{path}: not a readable file of region tokens ({error})") from None


def hold_out_tokens(frozen: FrozenTokens, fraction: float, seed: int) -> FrozenTokens:
    """The training set alone; a `fraction` of it, stratified by action, is marked as not for training.

    Raises DataError if an action has fewer than two images.
    """
    rows = np.flatnonzero(frozen.train)
    cut = StratifiedShuffleSplit(1, test_size=fraction, random_state=seed)
    try:
        kept, _ = next(cut.split(rows, frozen.labels[rows]))
    except ValueError as error:
        raise DataError(f"cannot hold out {fraction:.0%} of the training tokens: {error}") from None
    by_image = {name: getattr(frozen, name)[rows] for name in ("values", "regions", "boxes", "labels", "ids")}
    return replace(frozen, train=np.isin(np.arange(len(rows)), kept), **by_image)


def compress_tokens(tokens: np.ndarray, mask: np.ndarray, train: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """L2-normalize, project by a PCA fitted on the real tokens of the training set, and round to int8.

    tokens [N, T, D], mask [N, T] (True where real), train [N] -> values [N, T, dim] int8 and scale [dim]. Padding
    stays zero. Each channel's scale is chosen so that one in a thousand of its real values is clipped.
    """
    normed = tokens / np.linalg.norm(tokens, axis=2, keepdims=True).clip(1e-12)
    pca = PCA(dim, svd_solver="randomized", random_state=0).fit(normed[train & mask.any(1)][mask[train]][::3])
    flat = pca.transform(normed[mask]).astype(np.float32)                # [R, dim]
    scale = np.quantile(np.abs(flat), 0.999, axis=0).astype(np.float32) / 127
    values = np.zeros((*mask.shape, dim), np.int8)
    values[mask] = np.clip(np.rint(flat / scale), -127, 127)
    return values, scale


class TokenDataset(Dataset):
    """The `chosen` images [n] of FrozenTokens, as items `tokens` [k+2, d], `mask` [k+2], `target` [C] and `index`.

    All tokens are divided by one number, so that the real ones of the training set have a mean square of 1. `features`,
    a subset of "agl", selects person ("a"), whole image ("g") and regions ("l"), as in RegionNetConfig.
    """

    def __init__(self, frozen: FrozenTokens, chosen: np.ndarray, features: str = "agl") -> None:
        count = frozen.values.shape[1]
        real = np.arange(count) < 2 + frozen.regions[:, None]                # [N, k+2]
        norm = np.sqrt(np.square(frozen.values[real & frozen.train[:, None]] * frozen.scale).mean())
        kept = [0] * ("a" in features) + [1] * ("g" in features) + list(range(2, count)) * ("l" in features)
        self.tokens = torch.from_numpy(frozen.values[chosen][:, kept] * (frozen.scale / norm))
        self.mask = torch.from_numpy(real[chosen][:, kept])
        self.labels, self.ids = frozen.labels[chosen].astype(np.int64), frozen.ids[chosen]
        self.targets = torch.nn.functional.one_hot(torch.from_numpy(self.labels), len(frozen.actions)).float()

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"tokens": self.tokens[index], "mask": self.mask[index], "target": self.targets[index], "index": index}
