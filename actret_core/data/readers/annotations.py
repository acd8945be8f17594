"""The XML annotations of Stanford-40 and PASCAL VOC: an image's size and the boxes of its persons."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from actret_core.errors import DataError

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PersonAnnotation:
    """A person of an annotation file.

    index: of its `<object>` in the file, from 0; box: xyxy in pixels; actions: names of the actions that the person
    performs, None if the actions of this person are not annotated.
    """

    index: int
    box: Box
    actions: tuple[str, ...] | None


def read_annotation(path: Path) -> tuple[tuple[int, int], list[PersonAnnotation]]:
    """The image size (width, height) and the persons of one XML file.

    Raises DataError, naming the file, if it is missing or malformed, has no person, or a box that is empty or not
    inside the image.
    """
    try:
        root = ET.parse(path).getroot()
        size = (int(root.findtext("size/width", "")), int(root.findtext("size/height", "")))
    except FileNotFoundError:
        raise DataError(f"{path}: annotation missing; is the data set complete?") from None
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"{path}: not a readable annotation ({error})") from None
    objects = enumerate(root.findall("object"))
    persons = [_person(i, node, size, path) for i, node in objects if node.findtext("name") == "person"]
    if not persons:
        raise DataError(f"{path}: no person with a box; every image needs an anchored person")
    return size, persons


def _person(index: int, node: ET.Element, size: tuple[int, int], path: Path) -> PersonAnnotation:
    try:
        x0, y0, x1, y1 = (float(node.findtext(f"bndbox/{k}", "")) for k in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise DataError(f"{path}: a person has no complete <bndbox>") from None
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise DataError(f"{path}: box {(x0, y0, x1, y1)} is empty or leaves the image of {size} pixels")
    return PersonAnnotation(index, (x0, y0, x1, y1), _actions(node))


def _actions(node: ET.Element) -> tuple[str, ...] | None:
    single = node.findtext("action")                                  # Stanford-40
    if single or node.find("actions") is None:
        return (single,) if single else None
    return tuple(a.tag for a in node.find("actions") if (a.text or "").strip() == "1")  # PASCAL VOC


def read_lines(path: Path) -> list[str]:
    """The lines of a split file that are not blank. Raises DataError if the file is missing or empty."""
    lines = [line for line in path.read_text().splitlines() if line.strip()] if path.is_file() else []
    if not lines:
        raise DataError(f"{path}: missing or empty; the split files come with the data set")
    return lines


def require_folders(root: Path, folders: tuple[str, ...]) -> None:
    """Raise DataError, naming those that are missing, unless `root` has all `folders`."""
    missing = [f for f in folders if not (root / f).is_dir()]
    if missing:
        layout = ", ".join(folders)
        raise DataError(f"{root}: no folder {', '.join(missing)}; expected the official layout ({layout})")


def require_images(root: Path, names: list[str], split_file: str) -> None:
    """Raise DataError if an image that is listed in `split_file` is not in `root/JPEGImages`."""
    present = {p.name for p in (root / "JPEGImages").iterdir()}
    absent = [n for n in names if n not in present]
    if absent:
        raise DataError(
            f"{root / 'JPEGImages'}: {len(absent)} of {len(names)} images named by {split_file} are absent, "
            f"first {absent[0]}; the folder may be half downloaded"
        )
