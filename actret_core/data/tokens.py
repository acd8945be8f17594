"""Region tokens of a frozen backbone, small enough to travel: the real data set without its photographs."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch.utils.data import Dataset

from actret_core.errors import DataError


@dataclass(frozen=True)
class FrozenTokens:
    """The tokens of N images under a frozen backbone, in the order of Eq. 5: person, global, k regions.

    `values` [N, k+2, d] int8, to be multiplied by `scale` [d]; `regions` [N] counts the real regions; `boxes`
    [N, k+1, 4] uint16, the person and the regions, xyxy in pixels of the image on disk; `labels` [N] index `actions`; `ids` [N];
    `train` [N] is True for the training set.
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
        """Write one compressed `.npz`, whole or not at all."""
        temporary = Path(f"{path}.part")
        with open(temporary, "wb") as file:
            np.savez_compressed(file, **vars(self))
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path) -> "FrozenTokens":
        """Read a file that `save` wrote. Raises DataError, naming the file, if it is absent, damaged or another kind."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{name: file[name] for name in cls.__dataclass_fields__})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: not a readable file of region tokens ({error})") from None


def compress_tokens(tokens: np.ndarray, mask: np.ndarray, train: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """L2-normalize, project by a PCA fitted on the real tokens of the training set, and round to int8.

    tokens [N, T, D], mask [N, T], train [N] -> values [N, T, dim] int8 and scale [dim]; padding stays zero. A
    channel's scale lets 1 in 1000 of the real values saturate.
    """
    normed = tokens / np.linalg.norm(tokens, axis=2, keepdims=True).clip(1e-12)
    pca = PCA(dim, svd_solver="randomized", random_state=0).fit(normed[train & mask.any(1)][mask[train]][::3])
    flat = pca.transform(normed[mask]).astype(np.float32)                # [R, dim]
    scale = np.quantile(np.abs(flat), 0.999, axis=0).astype(np.float32) / 127
    values = np.zeros((*mask.shape, dim), np.int8)
    values[mask] = np.clip(np.rint(flat / scale), -127, 127)
    return values, scale


class TokenDataset(Dataset):
    """One part of FrozenTokens as items `tokens` [k+2, d], `mask` [k+2], `target` [C] and `index`.

    Tokens are scaled so that a real one has a mean square of 1. `features`, a subset of "agl", leaves views
    out as RegionNetConfig does.
    """

    def __init__(self, frozen: FrozenTokens, chosen: np.ndarray, features: str = "agl") -> None:
        values = torch.from_numpy(frozen.values[chosen] * frozen.scale)
        real = np.arange(values.shape[1]) < 2 + frozen.regions[chosen, None]
        values = values * torch.from_numpy(real).unsqueeze(2)
        norm = values[torch.from_numpy(real)].square().mean().sqrt()
        kept = [0] * ("a" in features) + [1] * ("g" in features) + list(range(2, values.shape[1])) * ("l" in features)
        self.tokens, self.mask = (values / norm)[:, kept], torch.from_numpy(real)[:, kept]
        self.labels, self.ids = frozen.labels[chosen].astype(np.int64), frozen.ids[chosen]
        self.targets = torch.nn.functional.one_hot(torch.from_numpy(self.labels), len(frozen.actions)).float()

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"tokens": self.tokens[index], "mask": self.mask[index], "target": self.targets[index], "index": index}
