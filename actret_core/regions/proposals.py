"""Proposals in COCO results files, the format that most detectors can write."""

import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actret_core.errors import ProposalError
from actret_core.files import atomic_path


class ProposalSet(NamedTuple):
    """The proposals of one image: boxes [n, 4] xyxy in pixels, scores [n] in [0, 1], COCO categories [n]."""

    boxes: Tensor
    scores: Tensor
    categories: Tensor


def read_proposals(path: Path, image_ids: Iterable[str] | None = None) -> dict[str, ProposalSet]:
    """Read a COCO results file (`.json` or `.json.gz`): image file name -> its proposals, best score first.

    With `image_ids`, exactly these images are returned, with no boxes where the file has none. Raises ProposalError if
    the file is missing or damaged, or has none of the `image_ids` (it was made for other images).
    """
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in _load(Path(path)):
        grouped.setdefault(row["image_id"], []).append(row)
    if image_ids is None:
        return {name: _collect(rows, path) for name, rows in grouped.items()}
    wanted = list(dict.fromkeys(image_ids))
    if wanted and not any(name in grouped for name in wanted):
        raise ProposalError(f"{path}: none of its images is in this data set (first wanted: {wanted[0]})")
    return {name: _collect(grouped.get(name, []), path) for name in wanted}


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


def _load(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ProposalError(f"{path}: no such proposals file; run the detector, or name another file")
    try:
        raw = path.read_bytes()
        rows = json.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise ProposalError(f"{path}: damaged or not JSON ({error}); write it again") from None
    if not isinstance(rows, list) or not all(_is_result(row) for row in rows):
        raise ProposalError(f"{path}: not a COCO results file (a list of image_id, category_id, bbox, score)")
    return rows


def _is_result(row: Any) -> bool:
    whole = isinstance(row, dict) and {"image_id", "bbox", "score"} <= row.keys()
    numbers = (*row["bbox"], row["score"]) if whole and isinstance(row["bbox"], list) else ()
    return len(numbers) == 5 and all(isinstance(n, (int, float)) for n in numbers)


def _collect(rows: list[Mapping[str, Any]], path: Path) -> ProposalSet:
    rows = sorted(rows, key=lambda row: -row["score"])  # stable: ties keep the detector's order
    boxes = torch.tensor([row["bbox"] for row in rows], dtype=torch.float32).reshape(-1, 4)
    scores = torch.tensor([row["score"] for row in rows], dtype=torch.float32)
    categories = torch.tensor([row.get("category_id", 0) for row in rows], dtype=torch.int64)
    if not (torch.isfinite(boxes).all() and torch.isfinite(scores).all() and (boxes[:, 2:] > 0).all()):
        name = rows[0]["image_id"]
        raise ProposalError(f"{path}: {name} has a box without area or a NaN; bbox is [x, y, width, height]")
    boxes[:, 2:] += boxes[:, :2]
    return ProposalSet(boxes, scores, categories)
