"""The XML annotations of Stanford-40 and PASCAL VOC: an image's size and the boxes of its persons."""

import codecs
import warnings
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from actret_core.errors import DataError, DataWarning

Box = tuple[float, float, float, float]
QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations of a picture that is stored lying on its side


@dataclass(frozen=True)
class PersonAnnotation:
    """A person of an annotation file.

    index: of its `<object>` in the file, from 0; box: xyxy in pixels; actions: names of the actions that the person
    performs, None if the actions of this person are not annotated; clipped: the box left the image, and is cut.
    """

    index: int
    box: Box
    actions: tuple[str, ...] | None
    clipped: bool = False


def read_annotation(path: Path, image: Path | None = None) -> tuple[tuple[int, int], list[PersonAnnotation]]:
    """The image size (width, height) and the persons of one XML file.

    Where no size is annotated, or one of 0, it is that of the photograph `image`. A box that leaves the image is
    clipped. Raises DataError, naming the file, if it is missing or malformed, has no person, or a box of which nothing
    is inside the image.
    """
    try:
        root = ET.parse(path).getroot()
        size = (_pixels(root.findtext("size/width")), _pixels(root.findtext("size/height")))
    except FileNotFoundError:
        raise DataError(f"{path}: annotation missing; is the data set complete?") from None
    except (ET.ParseError, OSError, ValueError, LookupError) as error:  # LookupError: of an unknown encoding
        raise DataError(f"{path}: not a readable annotation ({error})") from None
    if 0 in size:
        size = _stored_size(image, path)
    objects = enumerate(root.findall("object"))
    persons = [_person(i, node, size, path) for i, node in objects if _word(node.findtext("name")).lower() == "person"]
    if not persons:
        raise DataError(f"{path}: no person with a box; every image needs an anchored person")
    return size, persons


def _word(text: str | None) -> str:
    return (text or "").strip()


def _pixels(text: str | None) -> int:
    value = float(_word(text) or 0)
    if not (value.is_integer() and value >= 0):
        raise ValueError(f"<size> of {text!r}, expected whole pixels")
    return int(value)


def _stored_size(image: Path | None, annotation: Path) -> tuple[int, int]:
    """The (width, height) of a photograph as a viewer shows it: no annotation says which way its pixels lie."""
    if image is None:
        raise DataError(f"{annotation}: not a readable annotation (no <size> with width and height)")
    try:
        with Image.open(image) as picture:
            width, height = picture.size
            turned = picture.getexif().get(ExifTags.Base.Orientation) in QUARTER_TURNS
    except Exception as error:  # Pillow raises nearly everything for a damaged file
        raise DataError(f"{image}: cannot be read as an image ({error}); fetch or save it again") from None
    return (height, width) if turned else (width, height)


def _person(index: int, node: ET.Element, size: tuple[int, int], path: Path) -> PersonAnnotation:
    try:
        x0, y0, x1, y1 = (float(node.findtext(f"bndbox/{k}", "")) for k in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise DataError(f"{path}: a person has no complete <bndbox>") from None
    box = (max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1]))
    if not (box[0] < box[2] and box[1] < box[3]):
        raise DataError(f"{path}: box {(x0, y0, x1, y1)} is empty or outside the image of {size} pixels")
    return PersonAnnotation(index, box, _actions(node), clipped=box != (x0, y0, x1, y1))


def _actions(node: ET.Element) -> tuple[str, ...] | None:
    single = _word(node.findtext("action"))                           # Stanford-40
    if single or node.find("actions") is None:
        return (single,) if single else None
    return tuple(a.tag for a in node.find("actions") if _word(a.text) == "1")  # PASCAL VOC


def read_lines(path: Path) -> list[str]:
    """The lines of a split file that are not blank, in UTF-8 or UTF-16, with a byte-order mark or without.

    Raises DataError if the file is missing, empty or in another encoding.
    """
    lines = lines_if_any(path)
    if not lines:
        raise DataError(f"{path}: missing or empty; the split files come with the data set")
    return lines


def lines_if_any(path: Path) -> list[str]:
    """Like `read_lines`, but no lines of a file that is missing or empty."""
    try:
        data = path.read_bytes()
        text = data.decode(_encoding(data[:2]))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); save it as text in UTF-8") from None
    return [line.strip() for line in text.splitlines() if line.strip()]


def _encoding(start: bytes) -> str:
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    zeros = [byte == 0 for byte in start]  # half of each Latin letter in UTF-16
    return {(False, True): "utf-16-le", (True, False): "utf-16-be"}.get(tuple(zeros), "utf-8-sig")


def require_once(folder: Path, lists: Mapping[Path, Sequence[str]]) -> None:
    """Raise DataError, naming them, if photographs are listed twice or share a stem, which names their annotation.

    `lists` are the file names of photographs by the path of their list, in `folder`.
    """
    places = defaultdict(list)
    for source, images in lists.items():
        for image in images:
            places[Path(image).stem].append(f"{image} in {source.name}")
    shared = {stem: found for stem, found in places.items() if len(found) > 1}
    if not shared:
        return
    first = "; ".join(" and ".join(found) for found in list(shared.values())[:3])
    raise DataError(
        f"{folder}: {len(shared)} photographs are listed twice, or two of them share a stem: {first}; "
        "leave each in one list, once, or rename one of two"
    )


def warn_about(root: Path, what: str, names: Sequence[str]) -> None:
    """One DataWarning for the data set under `root`: what is with how many, and the first three `names`; none if none."""
    if names:
        more = ", ..." if len(names) > 3 else ""
        warnings.warn(f"{root}: {what}: {len(names)} ({', '.join(names[:3])}{more})", DataWarning, stacklevel=3)


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
