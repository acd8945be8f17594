"""The XML annotations of Stanford-40 and PASCAL VOC: an image's size and the boxes of its persons."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from actret_core.errors import DataError

Box = tuple[float, float, float, float]
QUARTER_TURNS = (5, 6, 7, 8)  # EXIF orientations of a picture that is stored lying on its side

BEYOND = 0.1  # a box may leave its image by this share of its side; more is an annotation in other pixels


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

    Where no size is annotated, or one of 0, it is that of the photograph `image`. A box that leaves the image by at most
    BEYOND of its side is clipped. Raises DataError, naming the file, if it is missing or malformed, has no person, or a
    box that leaves the image by more, or is empty.
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
    beyond = max(-x0 / size[0], -y0 / size[1], x1 / size[0] - 1, y1 / size[1] - 1)  # as shares of the image's sides
    if beyond > BEYOND or not (box[0] < box[2] and box[1] < box[3]):
        raise DataError(f"{path}: box {(x0, y0, x1, y1)} is empty or leaves the image of {size} pixels")
    return PersonAnnotation(index, box, _actions(node), clipped=box != (x0, y0, x1, y1))


def _actions(node: ET.Element) -> tuple[str, ...] | None:
    single = _word(node.findtext("action"))                           # Stanford-40
    if single or node.find("actions") is None:
        return (single,) if single else None
    return tuple(a.tag for a in node.find("actions") if _word(a.text) == "1")  # PASCAL VOC
