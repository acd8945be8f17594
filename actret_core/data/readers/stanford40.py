"""Stanford 40 Actions (Yao et al. 2011) in its official layout; the playground is written in the same one."""

from pathlib import Path

from actret_core.config import require
from actret_core.data.readers.annotations import read_annotation, read_lines, require_folders, require_images
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import DataError

SPLITS = ("train", "test")


def read_stanford40(root: Path, split: str, name: str = "stanford40") -> ActionSplit:
    """One split ("train" or "test") of a data set in Stanford-40's layout under `root`.

    Every image holds one annotated person; a sample's id is the file name without its ending.
    Raises ConfigError for another split, and DataError if a folder, an image or an annotation is missing or
    malformed.
    """
    root = Path(root)
    require(split in SPLITS, "split", split, f"one of {', '.join(SPLITS)}")
    require_folders(root, ("JPEGImages", "XMLAnnotations", "ImageSplits"))
    actions = _read_actions(root / "ImageSplits" / "actions.txt")
    lists = [root / "ImageSplits" / f"{action}_{split}.txt" for action in actions]
    listed = [(name, label) for label, path in enumerate(lists) for name in read_lines(path)]
    require_images(root, [n for n, _ in listed], f"ImageSplits/*_{split}.txt")
    return ActionSplit(name, split, actions, tuple(_sample(root, n, label) for n, label in listed))


def _read_actions(path: Path) -> tuple[str, ...]:
    actions = tuple(line.split()[0] for line in read_lines(path)[1:])  # the first line is a header
    if not actions:
        raise DataError(f"{path}: names no action below its header line; fetch it again")
    return actions


def _sample(root: Path, image: str, label: int) -> ActionSample:
    stem = Path(image).stem
    size, persons = read_annotation(root / "XMLAnnotations" / f"{stem}.xml")
    return ActionSample(stem, root / "JPEGImages" / image, size, persons[0].box, (label,))
