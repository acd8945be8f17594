"""Boxes or scores in another format than COCO's are numbers, too: counts over a whole file betray them."""

from typing import Any

from torch import Tensor
from torchvision.ops import box_convert

from actret_core.errors import ProposalError

# The formats that a file may be in by mistake, and how each becomes [x, y, width, height].
CONVERSIONS = {
    "[x0, y0, x1, y1]": "write [x0, y0, x1 - x0, y1 - y0]",
    "[y0, x0, y1, x1]": "write [x0, y0, x1 - x0, y1 - y0]",
    "[centre x, centre y, width, height]": "write [x - width / 2, y - height / 2, width, height]",
}
SLACK = 1.5  # pixels by which a right box may leave its image: some tools count pixels from 1, and all round


def check_units(rows: list[dict[str, Any]]) -> None:
    """Raise ProposalError if the scores of a results file are no confidences in [0, 1], or its boxes are normalised."""
    highest, lowest = (pick((row["score"] for row in rows), default=0) for pick in (max, min))
    if 1.001 < highest <= 100 and lowest >= 0:
        raise ProposalError(f"scores up to {highest:g} look like percent; divide every score by 100")
    if highest > 1.001 or lowest < 0:
        raise ProposalError(f"scores from {lowest:g} to {highest:g}; expected confidences from 0 to 1")
    farthest = max((abs(side) for row in rows for side in row["bbox"]), default=2)
    if farthest <= 1.5:
        raise ProposalError(
            f"no coordinate is above {farthest:g}: the boxes look normalised; multiply x and width by the width of the "
            "image, y and height by its height, and write pixels: bbox is [x, y, width, height]"
        )


def check_layout(boxes: Tensor, sizes: Tensor) -> None:
    """Raise ProposalError if the boxes of a whole data set look like four other numbers than they were read as.

    boxes [n, 4] are xyxy in pixels, made of COCO's [x, y, width, height]; sizes [n, 2] are width and height of each
    one's image. In a right file hardly any box leaves its image. Where more than a tenth do, and another format would
    have at most a quarter of these, the file is in the other format.
    """
    if not len(boxes):
        return
    raw = box_convert(boxes, "xyxy", "xywh")
    readings = (raw, raw[:, [1, 0, 3, 2]], box_convert(raw, "cxcywh", "xyxy"))
    now, *others = (_share_outside(each, sizes) for each in (boxes, *readings))
    best, name = min(zip(others, CONVERSIONS, strict=True))
    if now > 0.1 and best <= now / 4:
        raise ProposalError(
            f"{now:.0%} of the boxes leave their images: they look like {name}, where bbox is [x, y, width, height]; "
            f"{CONVERSIONS[name]}"
        )


def _share_outside(boxes: Tensor, sizes: Tensor) -> float:
    """The share of boxes [n, 4], xyxy, that leave their images by more than SLACK pixels, or have no area."""
    inside = (boxes[:, :2] >= -SLACK) & (boxes[:, 2:] <= sizes + SLACK) & (boxes[:, 2:] > boxes[:, :2])
    return 1 - inside.all(1).float().mean().item()
