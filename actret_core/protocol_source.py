"""Where the protocol files come from: the official splits of a data set, and its rules in words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from actret_core.config import require
from actret_core.data.registry import dataset_info
from actret_core.data.sample import ActionSplit
from actret_core.data.stanford40 import read_stanford40
from actret_core.data.voc2012 import read_voc2012
from actret_core.protocol import VERSIONS, Protocol


@dataclass(frozen=True)
class Source:
    """How a data set is read, and what its protocol says in words."""

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


def build_protocol(dataset: str, root: str | Path) -> Protocol:
    """The protocol of a data set from its folder in the official layout (VOC: the annotations suffice).

    Raises ConfigError for a data set without a protocol, and the reader's DataError.
    """
    require(dataset in SOURCES, "dataset", dataset, f"one of {', '.join(SOURCES)}")
    source, info = SOURCES[dataset], dataset_info(dataset)
    train, evaluation = (source.read(Path(root), split) for split in (info.train, info.evaluation))
    photographs = tuple(sample.image_id for sample in evaluation.samples)
    return Protocol(
        dataset, VERSIONS[dataset], source.source, source.relevance, source.exclusion, evaluation.actions,
        train_ids=tuple(train.ids), ids=tuple(evaluation.ids),
        labels=tuple(tuple(sample.labels) for sample in evaluation.samples),
        groups=photographs if len(set(photographs)) < len(photographs) else None,
    )
