"""One annotated person in one photograph, and a split of a data set as a list of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class ActionSample:
    """A person who performs an action: the unit of query and gallery.

    `person` is xyxy in pixels of the image on disk, inside it and of positive area; `size` is
    (width, height). `labels` are indices into the split's actions: one on Stanford-40, several or none on
    PASCAL VOC.
    """

    id: str
    image: Path
    size: tuple[int, int]
    person: tuple[float, float, float, float]
    labels: tuple[int, ...]

    @property
    def image_id(self) -> str:
        """The file name: what proposals files call this image, and what persons of one photograph share."""
        return self.image.name


@dataclass(frozen=True)
class ActionSplit:
    """A named part of a data set: its samples and the names that their labels index."""

    dataset: str
    name: str
    actions: tuple[str, ...]
    samples: tuple[ActionSample, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def ids(self) -> list[str]:
        """The sample ids, in order."""
        return [s.id for s in self.samples]

    @property
    def targets(self) -> np.ndarray:
        """Multi-hot labels, bool [N, C]."""
        out = np.zeros((len(self.samples), len(self.actions)), dtype=bool)
        for row, sample in zip(out, self.samples, strict=True):
            row[list(sample.labels)] = True
        return out
