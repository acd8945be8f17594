"""PASCAL VOC 2012 Action (Everingham et al. 2015) in its official layout: each sample is one person."""

from pathlib import Path

from actret_core.config import require
from actret_core.data.readers.annotations import read_annotation, read_lines, require_folders, require_images
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import DataError

SPLITS = ("train", "val", "trainval")
ACTIONS = (
    "jumping", "phoning", "playinginstrument", "reading", "ridingbike",
    "ridinghorse", "running", "takingphoto", "usingcomputer", "walking",
)  # fmt: skip


def read_voc2012(root: Path, split: str, images: bool = True) -> ActionSplit:
    """One split ("train", "val" or "trainval") of the Action task under `root`.

    Every person with `<actions>` is a sample; its id is the image's stem and the object's index from 0,
    "2010_006215#0" (the split files count from 1). The labels are the annotation's, which agree with the
    lists of each action, except that those of `jumping` lack the persons of 2010 images. A person whose only action
    is `other` has no label. With `images=False` the photographs may be missing.
    Raises ConfigError for another split, and DataError if a folder, an image or an annotation is missing or
    malformed.
    """
    root = Path(root)
    require(split in SPLITS, "split", split, f"one of {', '.join(SPLITS)}")
    require_folders(root, (*(("JPEGImages",) if images else ()), "Annotations", "ImageSets/Action"))
    stems = read_lines(root / "ImageSets" / "Action" / f"{split}.txt")
    if images:
        require_images(root, [f"{s}.jpg" for s in stems], f"ImageSets/Action/{split}.txt")
    return ActionSplit("voc2012", split, ACTIONS, tuple(p for s in stems for p in _persons(root, s)))


def _persons(root: Path, stem: str) -> list[ActionSample]:
    path = root / "Annotations" / f"{stem}.xml"
    size, persons = read_annotation(path)
    labeled = [p for p in persons if p.actions is not None]
    if not labeled:
        raise DataError(f"{path}: no person with <actions>; is this the annotation of the Action task?")
    image = root / "JPEGImages" / f"{stem}.jpg"
    return [ActionSample(f"{stem}#{p.index}", image, size, p.box, _labels(p.actions)) for p in labeled]


def _labels(actions: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(ACTIONS) if name in actions)
