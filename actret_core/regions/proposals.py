"""Proposals as a COCO results file: any detector that writes one can feed the model."""

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actret_core.errors import ProposalError


class ProposalSet(NamedTuple):
    """The proposals of one image: boxes [n, 4] xyxy in pixels, scores [n] in [0, 1], COCO categories [n]."""

    boxes: Tensor
    scores: Tensor
    categories: Tensor


def read_proposals(path: Path, image_ids: Iterable[str] | None = None) -> dict[str, ProposalSet]:
    """Read a COCO results file (`.json` or `.json.gz`): image file name -> its proposals, best score first.

    With `image_ids`, exactly these images are returned, empty where the file has no proposal for one. Raises
    ProposalError if the file is damaged, or if it shares no image with `image_ids` (it was made for other images).
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
    """Write a COCO results file, whole or not at all; boxes are rounded to a tenth of a pixel."""
    rows = [
        {"image_id": name, "category_id": int(c), "bbox": _xywh(b), "score": round(float(s), 4)}
        for name, found in proposals.items()
        for b, s, c in zip(found.boxes.tolist(), found.scores, found.categories, strict=True)
    ]
    data = json.dumps(rows, separators=(",", ":")).encode()
    temporary = Path(f"{path}.part")
    temporary.write_bytes(gzip.compress(data, mtime=0) if str(path).endswith(".gz") else data)
    os.replace(temporary, path)


def _xywh(box: list[float]) -> list[float]:
    x0, y0, x1, y1 = box
    return [round(v, 1) for v in (x0, y0, x1 - x0, y1 - y0)]


def _load(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ProposalError(f"{path}: no such proposals file; run the detector, or name another file")
    try:
        raw = path.read_bytes()
        rows = json.loads(gzip.decompress(raw) if path.name.endswith(".gz") else raw)
    except (EOFError, OSError, ValueError) as error:
        raise ProposalError(f"{path}: damaged or not JSON ({error}); write it again") from None
    if not isinstance(rows, list) or any(not {"image_id", "bbox", "score"} <= row.keys() for row in rows):
        raise ProposalError(f"{path}: not a COCO results file (a list of image_id, category_id, bbox, score)")
    return rows


def _collect(rows: list[Mapping[str, Any]], path: Path) -> ProposalSet:
    rows = sorted(rows, key=lambda row: -row["score"])  # stable: ties keep the detector's order
    boxes = torch.tensor([row["bbox"] for row in rows], dtype=torch.float32).reshape(-1, 4)
    if not torch.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise ProposalError(f"{path}: image {rows[0]['image_id']} has a box without area; bbox is [x, y, width, height]")
    boxes[:, 2:] += boxes[:, :2]
    scores = torch.tensor([row["score"] for row in rows], dtype=torch.float32)
    return ProposalSet(boxes, scores, torch.tensor([row.get("category_id", 0) for row in rows], dtype=torch.int64))
