"""The same boxes in other formats, made by hand from a right file, are each recognised."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from actret_core.errors import ProposalError
from actret_core.regions.box_format import check_layout, check_units

WIDTH, HEIGHT = 400.0, 300.0


def right(n: int = 60) -> Tensor:
    """Boxes [n, 4], [x, y, width, height], anywhere in an image of 400 x 300."""
    share = torch.rand(n, 4, generator=torch.Generator().manual_seed(0))
    size = 5 + share[:, 2:] * torch.tensor([WIDTH, HEIGHT]) * 0.6
    return torch.cat([share[:, :2] * (torch.tensor([WIDTH, HEIGHT]) - size), size], dim=1)


def read(boxes: Tensor) -> None:
    """Read four numbers a box as [x, y, width, height], as a file is."""
    as_read = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1)
    check_layout(as_read, torch.tensor([[WIDTH, HEIGHT]]).expand(len(boxes), 2))


def corners(boxes: Tensor) -> Tensor:
    return torch.stack([boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], dim=1)


def centred(boxes: Tensor) -> Tensor:
    return torch.cat([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], dim=1)


@pytest.mark.parametrize(
    ("change", "looks", "remedy"),
    [
        (corners, r"\[x0, y0, x1, y1\]", r"write \[x0, y0, x1 - x0, y1 - y0\]"),
        (lambda boxes: corners(boxes)[:, [1, 0, 3, 2]], r"\[y0, x0, y1, x1\]", r"write \[x0, y0, x1 - x0, y1 - y0\]"),
        (centred, r"\[centre x, centre y, width, height\]", r"write \[x - width / 2, y - height / 2, width, height\]"),
    ],
)
def test_each_layout_is_told_from_the_right_one(change: Callable[[Tensor], Tensor], looks: str, remedy: str) -> None:
    with pytest.raises(ProposalError, match=rf"of the boxes leave their images: they look like {looks}, .*; {remedy}"):
        read(change(right()))


def test_right_boxes_pass_even_where_a_detector_does_not_cut_them() -> None:
    boxes = right()
    read(boxes)
    read(boxes[:0])
    read(boxes.round() + 1)  # pixels counted from 1
    boxes[::4, :2] -= 30
    boxes[::4, 2:] += 60
    read(boxes)


def test_boxes_of_other_sizes_are_no_other_layout() -> None:
    """Of images twice as large: `rank_split` refuses them, and says so."""
    read(2 * right())


def rows(boxes: Tensor, score: float = 0.5) -> list[dict[str, object]]:
    return [{"bbox": box, "score": score} for box in boxes.tolist()]


def test_normalised_boxes() -> None:
    share = right() / torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT])
    for boxes in (share, corners(share), centred(share)):
        with pytest.raises(ProposalError, match="the boxes look normalised; multiply x and width by the width of the"):
            check_units(rows(boxes))
    check_units(rows(right()))
    check_units([])


def test_scores_that_are_no_confidences() -> None:
    boxes = right(2)
    check_units(rows(boxes, 0.0) + rows(boxes, 1.0000001))
    with pytest.raises(ProposalError, match="scores up to 97.5 look like percent; divide every score by 100"):
        check_units(rows(boxes) + rows(boxes, 97.5))
    for score in (-2.5, 250.0):
        with pytest.raises(ProposalError, match="scores from .* expected confidences from 0 to 1"):
            check_units(rows(boxes) + rows(boxes, score))
