"""The XML that Stanford-40 and PASCAL VOC share: an image's size and the boxes of its persons."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from actret_core.errors import DataError

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PersonAnnotation:
    """One `<object>` of an annotation: `box` is xyxy in pixels, `actions` the names marked as performed."""

    box: Box
    actions: tuple[str, ...]


def read_annotation(path: Path) -> tuple[tuple[int, int], list[PersonAnnotation]]:
    """The image size (width, height) and the persons of one XML file.

    Raises DataError, naming the file, if it is absent or malformed, holds no person, or a box leaves the image.
    """
    try:
        root = ET.parse(path).getroot()
        size = (int(root.findtext("size/width", "")), int(root.findtext("size/height", "")))
    except FileNotFoundError:
        raise DataError(f"{path}: annotation missing; is the data set complete?") from None
    except (ET.ParseError, ValueError) as error:
        raise DataError(f"{path}: not a readable annotation ({error})") from None
    persons = [_person(o, size, path) for o in root.findall("object") if o.findtext("name") == "person"]
    if not persons:
        raise DataError(f"{path}: no person with a box; every image needs an anchored person")
    return size, persons


def _person(node: ET.Element, size: tuple[int, int], path: Path) -> PersonAnnotation:
    try:
        x0, y0, x1, y1 = (float(node.findtext(f"bndbox/{k}", "")) for k in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise DataError(f"{path}: a person has no complete <bndbox>") from None
    if not (0 <= x0 < x1 <= size[0] and 0 <= y0 < y1 <= size[1]):
        raise DataError(f"{path}: box {(x0, y0, x1, y1)} is empty or leaves the image of {size[0]} x {size[1]} pixels")
    single = node.findtext("action")
    marked = [a.tag for a in node.findall("actions/*") if (a.text or "").strip() == "1"]
    return PersonAnnotation((x0, y0, x1, y1), (single,) if single else tuple(marked))


def require_folders(root: Path, folders: tuple[str, ...]) -> None:
    """Raise DataError unless `root` holds all of `folders`."""
    missing = [f for f in folders if not (root / f).is_dir()]
    if missing:
        raise DataError(f"{root}: no folder {', '.join(missing)}; expected the official layout ({', '.join(folders)})")


def require_images(root: Path, names: list[str], split_file: str) -> None:
    """Raise DataError if an image that `split_file` names is not among `root/JPEGImages`."""
    present = {p.name for p in (root / "JPEGImages").iterdir()}
    absent = [n for n in names if n not in present]
    if absent:
        raise DataError(
            f"{root / 'JPEGImages'}: {len(absent)} of {len(names)} images named by {split_file} are absent, "
            f"first {absent[0]}; the folder may be half downloaded"
        )
