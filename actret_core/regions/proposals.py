"""Proposals in COCO results files, the format that most detectors can write."""

import gzip
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from reprlib import repr as short
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actret_core.errors import DataWarning, ProposalError
from actret_core.files import atomic_path
from actret_core.regions.box_format import check_units
from actret_core.regions.coco import load_results
from actret_core.regions.image_names import match_names

LEAST_SIDE = 1e-3  # pixels; a box of smaller sides has no area


class ProposalSet(NamedTuple):
    """The proposals of one image: boxes [n, 4] xyxy in pixels, scores [n] in [0, 1], COCO categories [n]."""

    boxes: Tensor
    scores: Tensor
    categories: Tensor


def read_proposals(path: Path, image_ids: Iterable[str] | None = None) -> dict[str, ProposalSet]:
    """Read a COCO results file (`.json` or `.json.gz`): image file name -> its proposals, best score first.

    With `image_ids`, exactly these images are returned, with no boxes where the file has none; the file may name them
    as `match_names` says. Boxes without area are dropped, with one DataWarning. Raises ProposalError if the file is
    missing or damaged, has other units, or has none of the `image_ids` (it was made for other images).
    """
    rows, names = load_results(Path(path))
    wanted = None if image_ids is None else list(dict.fromkeys(image_ids))
    try:
        check_units(rows)
        rows = _with_area(rows, path)
        ids = [row["image_id"] for row in rows]
        known = {i: names.get(i, str(i)) for i in ids} if wanted is None else match_names(ids, names, wanted)
    except ProposalError as error:
        raise ProposalError(f"{path}: {error}") from None
    if wanted and not known:
        numbers = ids and not any(isinstance(image_id, str) for image_id in ids)
        hint = "; give its numbers file names in a list of images" if numbers else ""
        raise ProposalError(f"{path}: none of its images is in this data set (first wanted: {wanted[0]}){hint}")
    grouped: dict[str, list[Mapping[str, Any]]] = {name: [] for name in wanted or ()}
    for row in rows:
        if row["image_id"] in known:
            grouped.setdefault(known[row["image_id"]], []).append(row)
    return {name: _collect(found) for name, found in grouped.items()}


def write_proposals(path: Path, proposals: Mapping[str, ProposalSet]) -> None:
    """Write a COCO results file, completely or not at all.

    Boxes are rounded to 0.1 pixels; width and height are at least 0.1.
    """
    rows = [
        {"image_id": name, "category_id": int(c), "bbox": _xywh(b), "score": round(float(s), 4)}
        for name, found in proposals.items()
        for b, s, c in zip(found.boxes.tolist(), found.scores, found.categories, strict=True)
    ]
    data = json.dumps(rows, separators=(",", ":")).encode()
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)


def _xywh(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [round(x0, 1), round(y0, 1), max(round(x1 - x0, 1), 0.1), max(round(y1 - y0, 1), 0.1)]


def _with_area(rows: list[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The rows whose boxes have an area; one warning counts the others. Raises ProposalError if most have none."""
    empty = [row["image_id"] for row in rows if min(row["bbox"][2:]) < LEAST_SIDE]
    if 2 * len(empty) > len(rows):
        raise ProposalError(f"{short(empty[0])} has a box without area, as most have; bbox is [x, y, width, height]")
    if not empty:
        return rows
    first = ", ".join(map(short, dict.fromkeys(empty[:3])))
    warnings.warn(f"{path}: {len(empty)} boxes without area are left out (first: {first})", DataWarning, stacklevel=3)
    return [row for row in rows if min(row["bbox"][2:]) >= LEAST_SIDE]


def _collect(rows: list[Mapping[str, Any]]) -> ProposalSet:
    rows = sorted(rows, key=lambda row: -row["score"])  # stable: ties keep the detector's order
    boxes = torch.tensor([row["bbox"] for row in rows], dtype=torch.float32).reshape(-1, 4)
    scores = torch.tensor([row["score"] for row in rows], dtype=torch.float32)
    categories = torch.tensor([row.get("category_id", 0) for row in rows], dtype=torch.int64)
    boxes[:, 2:] += boxes[:, :2]
    return ProposalSet(boxes, scores, categories)
