import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

from actret_core.data.transforms import mirror_boxes, real_first, squash_boxes

BOXES = torch.tensor([[10.0, 5, 30, 35], [0, 0, 60, 40], [-3, 2, 50.5, 44]])


def wrapped(boxes: Tensor) -> BoundingBoxes:
    return BoundingBoxes(boxes, format="XYXY", canvas_size=(40, 60))


def test_boxes_are_squashed_and_mirrored_like_torchvision_s() -> None:
    squashed = v2.Compose([v2.Resize((90, 90)), v2.ClampBoundingBoxes()])(wrapped(BOXES))
    torch.testing.assert_close(squash_boxes(BOXES, torch.tensor([0, 0, 60, 40]), 90), squashed.as_subclass(Tensor))
    mirrored = v2.RandomHorizontalFlip(p=1)(wrapped(BOXES)).as_subclass(Tensor)
    torch.testing.assert_close(mirror_boxes(BOXES, 60), mirrored)
    torch.testing.assert_close(mirror_boxes(mirrored, 60), BOXES)


def test_boxes_in_a_window_are_cropped_and_squashed_like_torchvision_s() -> None:
    boxes = torch.tensor([[10.0, 5, 30, 35], [0, 0, 60, 40], [12, 2, 14, 44], [40, 0, 50, 9]])
    cropped = v2.functional.crop(wrapped(boxes), top=5, left=10, height=30, width=20)
    expected = v2.Resize((90, 90))(cropped).as_subclass(Tensor)
    found = squash_boxes(boxes, torch.tensor([10, 5, 30, 35]), 90)
    torch.testing.assert_close(found[:3], expected[:3])
    assert found.tolist() == [[0, 0, 90, 90], [0, 0, 90, 90], [9, 0, 18, 90], [90, 0, 90, 12]]


def test_every_image_of_a_batch_has_its_own_window() -> None:
    windows = torch.tensor([[0.0, 0, 60, 40], [10, 5, 30, 35]])
    found = squash_boxes(BOXES.expand(2, 3, 4), windows, 90)
    for boxes, window in zip(found, windows, strict=True):
        assert torch.equal(boxes, squash_boxes(BOXES, window, 90))


def test_what_is_real_comes_first_and_keeps_its_order() -> None:
    boxes = torch.tensor([
        [[5.0, 5, 5, 9], [1, 1, 4, 4], [0, 3, 9, 3], [2, 2, 3, 3]],
        [[0, 0, 0, 0], [9, 9, 9, 9], [0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3], [3, 3, 4, 4]],
    ])  # fmt: skip
    found, real = real_first(boxes)
    assert real.tolist() == [[True, True, False, False], [False] * 4, [True] * 4]
    assert found[0].tolist() == [[1, 1, 4, 4], [2, 2, 3, 3], [0] * 4, [0] * 4]
    assert not found[1].any() and torch.equal(found[2], boxes[2])
    assert torch.equal(real_first(boxes[0])[0], found[0])


def test_no_boxes_at_all() -> None:
    found, real = real_first(torch.zeros(3, 0, 4))
    assert found.shape == (3, 0, 4) and real.shape == (3, 0)
