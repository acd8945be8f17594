"""Stanford 40 Actions (Yao et al. 2011) in its official layout; the playground is written in the same one."""

import os
import re
from pathlib import Path

from actret_core.config import require
from actret_core.data.readers.annotations import PersonAnnotation, read_annotation
from actret_core.data.readers.layout import (
    lines_if_any, read_lines, require_folders, require_images, require_once, warn_about,
)  # fmt: skip
from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import DataError

SPLITS = ("train", "test")


def read_stanford40(root: Path, split: str, name: str = "stanford40") -> ActionSplit:
    """One split ("train" or "test") of a data set in Stanford-40's layout under `root`.

    A sample's id is the file name without its ending. Of several annotated persons, it is the first who performs the
    action whose list names the image. One DataWarning each counts and names such images, those whose annotation says
    another action than the list, which counts, and boxes that left the image.
    Raises ConfigError for another split, and DataError if a folder, an image or an annotation is missing or
    malformed, or if an image is listed twice in both splits together.
    """
    root = Path(root)
    require(split in SPLITS, "split", split, f"one of {', '.join(SPLITS)}")
    require_folders(root, ("JPEGImages", "XMLAnnotations", "ImageSplits"))
    folder = root / "ImageSplits"
    actions = _read_actions(folder)
    lists = {path: read_lines(path) for path in _lists(folder, actions, split)}
    others = {path: lines_if_any(path) for s in SPLITS if s != split for path in _lists(folder, actions, s)}
    require_once(folder, lists | others)
    listed = [(image, label) for label, images in enumerate(lists.values()) for image in images]
    require_images(root, [n for n, _ in listed], f"ImageSplits/*_{split}.txt")
    return ActionSplit(name, split, actions, _samples(root, actions, listed))


def _read_actions(folder: Path) -> tuple[str, ...]:
    """The names in actions.txt: a row holds a name, perhaps with blanks, and perhaps the number of its images."""
    path = folder / "actions.txt"
    first, *rows = read_lines(path)
    if _is_action(first, folder):
        rows.insert(0, first)  # there is no header line
    actions = tuple(_action(row, folder) for row in rows)
    if not actions:
        raise DataError(f"{path}: names no action below its header line; fetch it again")
    if bad := [action for action in actions if Path(action).name != action]:
        raise DataError(f"{path}: no list can be called {bad[0]!r}_train.txt; leave out what is special in paths")
    plain = [_plain(action) for action in actions]
    if twice := [action for i, action in enumerate(actions) if plain[i] in plain[:i]]:
        raise DataError(f"{path}: names {twice[0]!r} twice; delete one of the lines")
    return actions


def _action(row: str, folder: Path) -> str:
    """The action of a row. A number behind a blank is the number of its images, unless a list bears the whole name."""
    name = row.split("\t")[0].strip()
    return name if _is_listed(name, folder) else re.sub(r"\s+\d+$", "", name)


def _is_action(row: str, folder: Path) -> bool:
    """Whether a first row is no header: it ends in a number of images, or an action's list bears its name."""
    return row.split()[-1].isdecimal() or _is_listed(_action(row, folder), folder)


def _is_listed(action: str, folder: Path) -> bool:
    return any(os.path.isfile(path) for split in SPLITS for path in _lists(folder, (action,), split))


def _lists(folder: Path, actions: tuple[str, ...], split: str) -> list[Path]:
    """Each action's list of images; the blanks of its name may be underscores in the file's."""
    pairs = [(folder / f"{action}_{split}.txt", folder / f"{'_'.join(action.split())}_{split}.txt")
             for action in actions]
    return [next(filter(os.path.isfile, pair), pair[0]) for pair in pairs]


def _plain(action: str) -> str:
    return "_".join(action.lower().split())


def _samples(root: Path, actions: tuple[str, ...], listed: list[tuple[str, int]]) -> tuple[ActionSample, ...]:
    samples, several, clipped, contradicting = [], [], [], []
    for name, label in listed:
        image, stem = root / "JPEGImages" / name, Path(name).stem
        size, persons = read_annotation(root / "XMLAnnotations" / f"{stem}.xml", image)
        person = min(persons, key=lambda p: _disagreement(p, actions[label]))  # the first of the best
        samples.append(ActionSample(stem, image, size, person.box, (label,)))
        several += [name] * (len(persons) > 1)
        clipped += [name] * person.clipped
        contradicting += [name] * (_disagreement(person, actions[label]) == 2)
    warn_about(root, "annotations of several persons; the first who performs the listed action is taken", several)
    warn_about(root, "persons' boxes leave the image and are clipped", clipped)
    warn_about(root, "annotations name another action than the list of the image, which counts", contradicting)
    return tuple(samples)


def _disagreement(person: PersonAnnotation, action: str) -> int:
    """0 if the annotation says that the person performs `action`, 1 if it does not say, 2 if it says another."""
    if person.actions is None:
        return 1
    return 0 if _plain(action) in map(_plain, person.actions) else 2
