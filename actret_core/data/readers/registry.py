"""The data sets by name: how each is read, and the roles of its splits."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from actret_core.config import require
from actret_core.data.readers.stanford40 import read_stanford40
from actret_core.data.readers.voc2012 import read_voc2012
from actret_core.data.sample import ActionSplit


@dataclass(frozen=True)
class DatasetInfo:
    """A data set: `read(root, split)` reads the split of a name.

    train: the split to train on; evaluation: the split that is both query set and gallery; proposals: default name of
    the proposals file in the data set's folder.
    """

    read: Callable[[Path, str], ActionSplit]
    train: str
    evaluation: str
    proposals: str = "proposals.json.gz"


DATASETS = {
    "playground": DatasetInfo(partial(read_stanford40, name="playground"), "train", "test"),
    "stanford40": DatasetInfo(read_stanford40, "train", "test"),
    "voc2012": DatasetInfo(read_voc2012, "train", "val"),
}


def dataset_info(dataset: str) -> DatasetInfo:
    """The entry of `dataset` in DATASETS. Raises ConfigError, naming the most similar name, if there is none."""
    near = difflib.get_close_matches(dataset, DATASETS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    require(dataset in DATASETS, "dataset", dataset, f"one of {', '.join(DATASETS)}{hint}")
    return DATASETS[dataset]


def read_split(dataset: str, root: Path, split: str) -> ActionSplit:
    """One split of a data set on disk. Raises ConfigError for an unknown name, DataError for bad data."""
    return dataset_info(dataset).read(Path(root), split)


@dataclass(frozen=True)
class Source:
    """How a data set of the benchmark is read, and its rules in words, for the protocol file."""

    read: Callable[[Path, str], ActionSplit]
    source: str
    relevance: str
    exclusion: str


SOURCES = {
    "stanford40": Source(
        read_stanford40,
        source="Stanford 40 Actions (Yao et al. 2011), the official ImageSplits: train, and test as query set and "
        "gallery. A sample is an image with its one annotated person; its id is the file name without its ending.",
        relevance="Two samples are relevant to each other if they show the same action.",
        exclusion="The query itself, by its id. Nothing else.",
    ),
    "voc2012": Source(
        partial(read_voc2012, images=False),
        source="PASCAL VOC 2012 Action (Everingham et al. 2015), the official ImageSets/Action: train, and val as "
        "query set and gallery. A sample is a person with <actions>; its id is the image's stem, '#' and the object's "
        "index in the annotation, from 0. Labels are the annotation's.",
        relevance="Two samples are relevant to each other if they share at least one of the ten actions. Persons with "
        "none of the ten are never queries, and distractors in the gallery.",
        exclusion="The query itself, by its id, and every other person of its photograph: neither right nor wrong, as "
        "if not in the gallery.",
    ),
}
