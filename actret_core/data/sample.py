"""A sample, one annotated person in a photograph, and a split of a data set, a list of samples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.preprocessing import MultiLabelBinarizer


@dataclass(frozen=True)
class ActionSample:
    """An annotated person, called the anchored person: a query or gallery item.

    id: unique in the data set; image: file of the photograph; size: its (width, height) in pixels; person: box of the
    person, xyxy in pixels of the photograph, inside it and of positive area; labels: indices into the split's actions,
    one on Stanford-40, several or none on PASCAL VOC.
    """

    id: str
    image: Path
    size: tuple[int, int]
    person: tuple[float, float, float, float]
    labels: tuple[int, ...]

    @property
    def image_id(self) -> str:
        """The file name of the photograph: its key in proposals files. Persons of one photograph share it."""
        return self.image.name


@dataclass(frozen=True)
class ActionSplit:
    """A named part of a data set. `actions` are the names that the samples' labels index."""

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
        binarizer = MultiLabelBinarizer(classes=range(len(self.actions)))
        return binarizer.fit_transform([s.labels for s in self.samples]).astype(bool)
