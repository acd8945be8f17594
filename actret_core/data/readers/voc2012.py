"""PASCAL VOC 2012 Action (Everingham et al. 2015) in its official layout: each sample is one person."""

from pathlib import Path

from actret_core.config import require
from actret_core.data.readers.annotations import PersonAnnotation, read_annotation
from actret_core.data.readers.layout import (
    lines_if_any, read_lines, require_folders, require_images, require_once, warn_about,
)  # fmt: skip
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
    One DataWarning counts and names boxes that left the image. Raises ConfigError for another split, and DataError if
    a folder, an image or an annotation is missing or malformed, or if an image is listed twice in train and val
    together.
    """
    root = Path(root)
    require(split in SPLITS, "split", split, f"one of {', '.join(SPLITS)}")
    require_folders(root, (*(("JPEGImages",) if images else ()), "Annotations", "ImageSets/Action"))
    folder = root / "ImageSets" / "Action"
    stems = read_lines(folder / f"{split}.txt")
    others = [folder / f"{s}.txt" for s in SPLITS[:2] if "trainval" != split != s]
    require_once(folder, {folder / f"{split}.txt": stems} | {path: lines_if_any(path) for path in others})
    if images:
        require_images(root, [f"{s}.jpg" for s in stems], f"ImageSets/Action/{split}.txt")
    found = [pair for stem in stems for pair in _persons(root, stem, images)]
    clipped = [sample.id for sample, person in found if person.clipped]
    warn_about(root, "persons' boxes leave the image and are clipped", clipped)
    return ActionSplit("voc2012", split, ACTIONS, tuple(sample for sample, _ in found))


def _persons(root: Path, stem: str, images: bool) -> list[tuple[ActionSample, PersonAnnotation]]:
    path, image = root / "Annotations" / f"{stem}.xml", root / "JPEGImages" / f"{stem}.jpg"
    size, persons = read_annotation(path, image if images else None)
    labeled = [p for p in persons if p.actions is not None]
    if not labeled:
        raise DataError(f"{path}: no person with <actions>; is this the annotation of the Action task?")
    return [(ActionSample(f"{stem}#{p.index}", image, size, p.box, _labels(p.actions)), p) for p in labeled]


def _labels(actions: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(ACTIONS) if name in actions)
