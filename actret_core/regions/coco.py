"""The rows of a COCO results file, each checked: which image, what box, which score."""

import gzip
import json
import zlib
from pathlib import Path
from reprlib import repr as short
from typing import Any, NamedTuple

from actret_core.errors import ProposalError

EXPECTED = "a list of image_id, category_id, bbox, score"
LARGEST = 1e9  # of coordinates, scores and categories; a larger number is a mistake, and may fit no tensor


class Results(NamedTuple):
    """A results file: its checked `rows`, and of its `images` list, if any, the file `names` by their ids."""

    rows: list[dict[str, Any]]
    names: dict[Any, str]


def load_results(path: Path) -> Results:
    """Read a COCO results file: a list of results, or a dict of `images` and `annotations`, plain or gzipped.

    An image_id is a text or a whole number, bbox four numbers, score a number, category_id a whole number or absent.
    Raises ProposalError, which names the first result that is otherwise, or if the file is missing or no JSON.
    """
    rows, images = _parse(path), []
    if isinstance(rows, dict) and {"images", "annotations"} <= rows.keys():
        rows, images = rows["annotations"], rows["images"]
    if not isinstance(rows, list) or not isinstance(images, list):
        raise ProposalError(f"{path}: not a COCO results file ({EXPECTED})")
    for what, check, entries in (("result", _wrong_result, rows), ("image", _wrong_image, images)):
        for number, entry in enumerate(entries):
            if wrong := check(entry):
                raise ProposalError(f"{path}: not a COCO results file ({EXPECTED}): {what} {number} has {wrong}")
    return Results(rows, {image["id"]: image["file_name"] for image in images})


def _parse(path: Path) -> Any:
    if not path.is_file():
        raise ProposalError(
            f"{path}: no such proposals file; run the detector, name another file, or do without: --proposals none"
        )
    try:
        raw = path.read_bytes()
        return json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (EOFError, OSError, RecursionError, ValueError, zlib.error) as error:
        raise ProposalError(f"{path}: damaged or not JSON ({error}); write it again") from None


def _wrong_result(row: Any) -> str | None:
    """What is wrong with a result; None: nothing."""
    if missing := _missing(row, "image_id", "bbox", "score"):
        return missing
    box, category = row["bbox"], row.get("category_id", 0)
    if not _is_id(row["image_id"]):
        return f"image_id {short(row['image_id'])}; expected a file name or a whole number"
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return f"bbox {short(box)}; expected [x, y, width, height], four finite numbers"
    if not _is_number(row["score"]):
        return f"score {short(row['score'])}; expected a number from 0 to 1"
    if not _is_number(category) or category % 1:
        return f"category_id {short(category)}; expected a whole number, or none at all"
    return None


def _wrong_image(image: Any) -> str | None:
    if missing := _missing(image, "id", "file_name"):
        return missing
    if not _is_id(image["id"]) or not isinstance(image["file_name"], str):
        return f"id {short(image['id'])}, file_name {short(image['file_name'])}; expected a number and a text"
    return None


def _missing(entry: Any, *fields: str) -> str | None:
    absent = [field for field in fields if not isinstance(entry, dict) or field not in entry]
    return f"no {' and no '.join(absent)}" if absent else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -LARGEST < value < LARGEST  # bool is no number here; NaN is not below


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or type(value) in (int, float) and value % 1 == 0
