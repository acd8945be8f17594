"""Boxes must follow the image: each test draws a box as a rectangle and looks for it after the transform."""

import warnings

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes, Image

from actret_core.data.transforms import EraseImage, PersonCrop, eval_transform, mix_up, train_transform

PERSON = (30, 20, 80, 100)
HEIGHT, WIDTH = 120, 160


def sample(person: tuple[int, ...] = PERSON) -> tuple[Image, BoundingBoxes, BoundingBoxes]:
    image = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
    image[:, person[1] : person[3], person[0] : person[2]] = 255
    boxes = [torch.tensor([person]).float(), torch.tensor([[0.0, 0, WIDTH, HEIGHT], [150, 110, 160, 120]])]
    return Image(image), *(BoundingBoxes(b, format="XYXY", canvas_size=(HEIGHT, WIDTH)) for b in boxes)


def bright_box(image: Tensor) -> Tensor:
    """xyxy of the pixels brighter than the middle of the range, [4]."""
    gray = image.mean(0)
    y, x = torch.nonzero(gray > (gray.min() + gray.max()) / 2, as_tuple=True)
    return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()


def test_eval_transform_squashes_the_whole_image() -> None:
    image, person, regions = eval_transform(64)(*sample())
    assert image.shape == (3, 64, 64) and image.dtype == torch.float32
    scale = torch.tensor([64 / WIDTH, 64 / HEIGHT] * 2)
    torch.testing.assert_close(person[0].as_subclass(Tensor), torch.tensor(PERSON) * scale)
    torch.testing.assert_close(regions[0].as_subclass(Tensor), torch.tensor([0.0, 0, 64, 64]))
    assert (bright_box(image) - person[0]).abs().max() <= 1


def test_the_image_is_normalized_as_the_weights_expect() -> None:
    white = Image(torch.full((3, 8, 8), 255, dtype=torch.uint8))
    image = eval_transform(8)(white, *sample()[1:])[0]
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(image[:, 4, 4].as_subclass(Tensor), expected)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_the_image_through_crop_flip_and_jitter(seed: int) -> None:
    torch.manual_seed(seed)
    image, person, regions = train_transform(96)(*sample())
    assert (bright_box(image) - person[0]).abs().max() <= 1.5
    for boxes in (person, regions):
        assert boxes.min() >= 0 and boxes.max() <= 96 and len(boxes) in (1, 2)


def test_training_shows_both_sides_and_many_crops() -> None:
    torch.manual_seed(0)
    persons = torch.stack([train_transform(96)(*sample())[1][0] for _ in range(24)])
    left = persons[:, [0, 2]].mean(1) < 48
    assert 4 < left.sum() < 20
    assert len(persons.unique(dim=0)) > 20


def test_two_flips_are_none() -> None:
    flip = v2.RandomHorizontalFlip(1.0)
    once = flip(*sample())
    assert once[1][0].tolist() == [WIDTH - 80, 20, WIDTH - 30, 100]
    for twice, original in zip(flip(*once), sample(), strict=True):
        torch.testing.assert_close(twice, original)


def test_no_regions_survive_every_transform() -> None:
    image, person, _ = sample()
    none = BoundingBoxes(torch.zeros(0, 4), format="XYXY", canvas_size=(HEIGHT, WIDTH))
    for transform in (eval_transform(32), train_transform(32)):
        assert transform(image, person, none)[2].shape == (0, 4)


def area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


@pytest.mark.parametrize("keep", [0.3, 0.7, 1.0])
def test_crop_keeps_enough_of_the_person(keep: float) -> None:
    torch.manual_seed(0)
    crop, person = PersonCrop(0.3, keep=keep), (100, 70, 150, 118)
    for _ in range(40):
        image, box, _ = v2.Compose([crop, v2.ClampBoundingBoxes()])(*sample(person))
        assert area(box)[0] >= (keep - 1e-6) * 50 * 48
        # the pixels agree: as much white is left as the box says
        assert (image[0] > 0).sum() == area(box)[0]


def test_crop_covers_the_share_of_the_image_that_is_asked_for() -> None:
    torch.manual_seed(0)
    crops = [PersonCrop(0.6, keep=0)(*sample())[0] for _ in range(40)]
    shares = torch.tensor([crop[0].numel() / (HEIGHT * WIDTH) for crop in crops])
    assert 0.59 <= shares.min() and shares.max() <= 1 and shares.std() > 0.05


def test_without_a_fitting_crop_the_image_stays_whole() -> None:
    whole = (0, 0, WIDTH, HEIGHT)
    for result, original in zip(PersonCrop(0.3, keep=1.0)(*sample(whole)), sample(whole), strict=True):
        torch.testing.assert_close(result, original)


def test_mix_up_mixes_images_as_it_mixes_targets() -> None:
    torch.manual_seed(0)
    image = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 3, 2, 2)
    shares = []
    for _ in range(50):
        mixed, target = mix_up(image, torch.eye(4), alpha=0.4)
        torch.testing.assert_close(target.sum(1), torch.ones(4))
        torch.testing.assert_close(mixed[:, 0, 0, 0], target @ torch.arange(4.0))
        shares.append(target.diagonal().min())
    assert min(shares) >= 0.5 and max(shares) > 0.9 > 0.8 > min(shares)


@pytest.mark.parametrize("seed", range(8))
def test_boxes_follow_a_padded_crop(seed: int) -> None:
    torch.manual_seed(seed)
    image, person, regions = train_transform(96, pad_crop=10)(*sample())
    assert image.shape == (3, 96, 96)
    assert (bright_box(image) - person[0]).abs().max() <= 1.5
    assert regions.min() >= 0 and regions.max() <= 96


def test_a_padded_crop_shifts_by_at_most_the_padding_and_cuts_nothing_else() -> None:
    """In place of the crop around the person: the scale stays that of the squashed image."""
    torch.manual_seed(0)
    scale = torch.tensor([96 / WIDTH, 96 / HEIGHT] * 2)
    plain = torch.tensor(PERSON) * scale
    shifts = []
    for _ in range(40):
        person = train_transform(96, min_crop=0.2, pad_crop=10)(*sample())[1][0].as_subclass(Tensor)
        torch.testing.assert_close(person[2:] - person[:2], plain[2:] - plain[:2])
        shifts.append((person[1] - plain[1]).item())
    assert -10 <= min(shifts) < -5 and 5 < max(shifts) <= 10


def test_erasing_leaves_a_rectangle_of_the_mean_color_and_the_boxes() -> None:
    torch.manual_seed(0)
    white = Image(torch.full((3, 120, 120), 255, dtype=torch.uint8))
    boxes = [BoundingBoxes(torch.tensor([[3.0, 4, 50, 60]]), format="XYXY", canvas_size=(120, 120))] * 2
    shares = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            image, person, _ = train_transform(120, jitter=0.0, pad_crop=1, erasing=0.5)(white, *boxes)
            erased = (image[:, 2:-2, 2:-2] == 0).all(0)
            y, x = erased.nonzero(as_tuple=True)
            shares.append(erased.float().mean().item())
            if len(y):
                assert erased[y.min() : y.max() + 1, x.min() : x.max() + 1].all(), "a whole rectangle"
            assert person[0, 2] - person[0, 0] == 47
    hit = [share for share in shares if share]
    assert 15 <= len(hit) <= 45 and max(hit) < 0.45 and max(hit) > 0.2


def test_erasing_touches_the_image_alone() -> None:
    erased = EraseImage(1.0)(*sample())
    assert not torch.equal(erased[0], sample()[0])
    for left, right in zip(erased[1:], sample()[1:], strict=True):
        assert torch.equal(left, right) and isinstance(left, BoundingBoxes)


def test_without_pad_crop_and_erasing_nothing_new_is_drawn() -> None:
    """Recorded runs stay repeatable: the defaults take the same random numbers in the same order."""
    old = v2.Compose([PersonCrop(0.6), v2.Resize((96, 96)), v2.RandomHorizontalFlip(), v2.ColorJitter(0.2, 0.2, 0.2)])
    torch.manual_seed(5)
    first = old(*sample())
    after = torch.rand(1)
    torch.manual_seed(5)
    second = train_transform(96)(*sample())
    assert torch.equal(torch.rand(1), after)
    torch.testing.assert_close(first[1].clamp(0, 96).as_subclass(Tensor), second[1].as_subclass(Tensor))
