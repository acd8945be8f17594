"""Boxes must follow the image, and both must do what torchvision does to one image at a time."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F
from torchvision.tv_tensors import BoundingBoxes, Image

from actret_core.data import augment
from actret_core.data.augment import Augment, RandomChoices, apply_choices, draw_choices, person_crops, prepare
from actret_core.data.transforms import IMAGENET_MEAN, IMAGENET_STD, normalize, squash

PERSON = (30.0, 20.0, 80.0, 100.0)
WIDTH, HEIGHT, T, SIDE = 160, 120, 112, 96
ALL = Augment(0.6, 0, 0.2, 0.5, mirror=0.5)
PADDED = Augment(0.2, 10, 0.2, mirror=0.5)


def scene(person: tuple[float, ...] = PERSON) -> Tensor:
    """White where the person is, else black."""
    x0, y0, x1, y1 = map(int, person)
    image = torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8)
    image[:, y0:y1, x0:x1] = 255
    return image


def stored(count: int, image: Tensor | None = None, person: tuple[float, ...] = PERSON) -> dict[str, Tensor]:
    """A batch of one sample, many times; a region at the border, a large one, and padding."""
    regions = torch.tensor([[150.0, 110, 160, 120], [0, 0, WIDTH, HEIGHT], [0, 0, 0, 0]])
    image = squash(scene(person) if image is None else image, T)
    batch = {
        "image": image, "size": torch.tensor([WIDTH, HEIGHT]).float(), "person": torch.tensor(person),
        "regions": regions, "target": torch.tensor([0.0, 1]), "index": torch.tensor(7),
    }  # fmt: skip
    return {name: value.expand(count, *value.shape) for name, value in batch.items()}


def bright_box(image: Tensor) -> Tensor:
    """xyxy of the pixels brighter than the middle of the range, [4]."""
    gray = image.mean(0)
    y, x = torch.nonzero(gray > (gray.min() + gray.max()) / 2, as_tuple=True)
    return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()


def test_in_evaluation_the_whole_is_squashed_and_normalized() -> None:
    out = prepare(stored(2), SIDE)
    assert {name: tuple(value.shape) for name, value in out.items()} == {
        "image": (2, 3, SIDE, SIDE), "person": (2, 4), "regions": (2, 3, 4), "mask": (2, 3), "target": (2, 2),
        "index": (2,),
    }  # fmt: skip
    scale = torch.tensor([SIDE / WIDTH, SIDE / HEIGHT] * 2)
    torch.testing.assert_close(out["person"][0], torch.tensor(PERSON) * scale)
    assert out["regions"][1].tolist() == [[90, 88, 96, 96], [0, 0, 96, 96], [0] * 4]
    assert out["mask"].tolist() == [[True, True, False]] * 2
    expected = normalize(F.resize(stored(1)["image"].float() / 255, [SIDE, SIDE], antialias=True))
    torch.testing.assert_close(out["image"][:1], expected, rtol=0, atol=1e-4)
    assert out["image"].is_contiguous(memory_format=torch.channels_last)


def test_colors_are_normalized_as_the_weights_expect() -> None:
    white = torch.full((3, 8, 8), 255, dtype=torch.uint8)
    expected = (1 - torch.tensor(IMAGENET_MEAN)) / torch.tensor(IMAGENET_STD)
    torch.testing.assert_close(prepare(stored(1, white), SIDE)["image"][0, :, 40, 40], expected)


CROPS = [(0, 0, 160, 120), (10, 8, 130, 112), (24, 0, 144, 96), (20, 20, 100, 120), (29, 19, 81, 101)]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("crop", CROPS)
def test_the_same_crop_and_mirror_as_torchvision_s(crop: tuple[int, ...], mirrored: bool) -> None:
    """Boxes are the same; pixels too, but for what the stored square has lost. In units of about 60 gray levels."""
    x0, y0, x1, y1 = crop
    smooth = torch.rand(3, 8, 10, generator=torch.manual_seed(3))
    image = (255 * F.resize(smooth, [HEIGHT, WIDTH]).clamp(0, 1)).to(torch.uint8)
    batch = stored(1, image)
    boxes = torch.cat([batch["person"], batch["regions"][0, :2]])
    plain = v2.Compose([v2.Resize((SIDE, SIDE)), v2.RandomHorizontalFlip(float(mirrored)), v2.ClampBoundingBoxes()])
    whole = Image(image), BoundingBoxes(boxes, format="XYXY", canvas_size=(HEIGHT, WIDTH))
    picture, moved = plain(*(F.crop(part, y0, x0, y1 - y0, x1 - x0) for part in whole))
    choices = RandomChoices(torch.tensor([crop]).float(), torch.tensor([mirrored]), torch.zeros(1, 2))
    out = apply_choices(batch, SIDE, choices)
    torch.testing.assert_close(out["person"], moved[:1].as_subclass(Tensor), rtol=0, atol=1e-4)
    real = moved[1:][(moved[1:, 2:] > moved[1:, :2]).all(1)].as_subclass(Tensor)
    torch.testing.assert_close(out["regions"][0][out["mask"][0]], real, rtol=0, atol=1e-4)
    expected = normalize(picture.as_subclass(Tensor).float() / 255)
    assert (out["image"][0] - expected).abs().mean() < 0.02 and (out["image"][0] - expected).abs().max() < 0.2


def test_a_region_that_the_crop_cuts_away_is_no_region() -> None:
    choices = RandomChoices(torch.tensor([[20.0, 10, 140, 110]]), torch.tensor([True]), torch.zeros(1, 2))
    out = apply_choices(stored(1), SIDE, choices)
    assert out["mask"].tolist() == [[True, False, False]], "the one at the border is gone, the large one moves up"
    assert out["regions"][0].tolist() == [[0, 0, SIDE, SIDE], [0] * 4, [0] * 4]


@pytest.mark.parametrize("how", [ALL, PADDED], ids=["crop", "padded crop"])
def test_boxes_follow_the_image(how: Augment) -> None:
    how = Augment(how.min_crop, how.pad_crop, how.jitter, mirror=0.5)  # an erased person cannot be found
    out = prepare(stored(40), SIDE, how, torch.manual_seed(0))
    for image, person in zip(out["image"], out["person"], strict=True):
        assert (bright_box(image) - person).abs().max() <= 1.5
    for boxes in (out["person"], out["regions"]):
        assert boxes.min() >= 0 and boxes.max() <= SIDE
    left = out["person"][:, [0, 2]].mean(1) < SIDE / 2
    assert 8 < left.sum() < 32 and len(out["person"].unique(dim=0)) > 35


def test_the_generator_alone_decides() -> None:
    first, second, third = (prepare(stored(6), SIDE, ALL, torch.Generator().manual_seed(s)) for s in (5, 5, 6))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["image"], third["image"]) and not torch.equal(first["person"], third["person"])
    before = torch.random.get_rng_state()
    prepare(stored(6), SIDE, ALL, torch.Generator().manual_seed(1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_batch_itself_is_not_changed() -> None:
    batch = {name: value.clone() for name, value in stored(3).items()}
    before = {name: value.clone() for name, value in batch.items()}
    prepare(batch, SIDE, ALL, torch.manual_seed(0))
    assert all(torch.equal(batch[name], before[name]) for name in before)


def test_without_any_chance_nothing_differs() -> None:
    size, person = stored(4)["size"], stored(4)["person"]
    choices = draw_choices(size, person, SIDE, Augment())
    assert choices.window.tolist() == [[0, 0, WIDTH, HEIGHT]] * 4
    assert not choices.mirrored.any() and not choices.shift.any()
    assert choices.color is None and choices.erased is None


def area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


@pytest.mark.parametrize("keep", [0.3, 0.7, 1.0])
def test_a_crop_keeps_enough_of_the_person(keep: float) -> None:
    person = torch.tensor([[100.0, 70, 150, 118]]).expand(200, 4)
    size = torch.tensor([[160.0, 120]]).expand(200, 2)
    windows = person_crops(size, person, 0.3, torch.manual_seed(0), keep=keep)
    inside = torch.cat([torch.maximum(person[:, :2], windows[:, :2]), torch.minimum(person[:, 2:], windows[:, 2:])], 1)
    assert (area(inside) >= (keep - 1e-5) * 50 * 48).all()
    assert (windows[:, :2] >= -1e-4).all() and (windows[:, 2:] <= size + 1e-4).all()
    if keep == 0.3:
        assert (area(inside) < 0.5 * 50 * 48).any(), "and not always more than is asked for"


def test_a_crop_covers_the_share_of_the_image_that_is_asked_for() -> None:
    size, person = torch.tensor([[160.0, 120]]).expand(300, 2), torch.tensor([[70.0, 50, 90, 70]]).expand(300, 4)
    windows = person_crops(size, person, 0.6, torch.manual_seed(0))
    shares, shapes = area(windows) / (160 * 120), (windows[:, 2:] - windows[:, :2]).unbind(1)
    assert 0.6 <= shares.min() and shares.max() <= 1 and shares.std() > 0.05
    aspect = shapes[0] / shapes[1]
    assert 0.749 < aspect.min() < 0.9 and 1.2 < aspect.max() < 1.334


def test_without_a_fitting_crop_the_image_stays_whole() -> None:
    size = torch.tensor([[160.0, 120], [160, 120]])
    person = torch.tensor([[0.0, 0, 160, 120], [70, 50, 90, 70]])
    windows = person_crops(size, person, 0.3, torch.manual_seed(0), keep=1.0)
    assert windows[0].tolist() == [0, 0, 160, 120] and area(windows)[1] < 160 * 120


def test_the_first_draw_that_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is in the right half: draws at the left edge do not fit, the third does."""
    chance = torch.full((4, 5, 1), 0.5)
    chance[0], chance[2, :, 0] = 0.0, torch.tensor([0.0, 0.0, 1.0, 0.9, 1.0])
    monkeypatch.setattr(augment.torch, "rand", lambda *_, **__: chance)
    window = person_crops(torch.tensor([[160.0, 120]]), torch.tensor([[130.0, 50, 160, 70]]), 0.6, tries=5)
    width = height = (0.6 * 160 * 120) ** 0.5
    expected = torch.tensor([[160 - width, (120 - height) / 2, 160, (120 + height) / 2]])
    torch.testing.assert_close(window, expected)


def test_a_padded_crop_shifts_by_at_most_the_padding_and_cuts_nothing_else() -> None:
    """In place of the crop around the person: the scale stays that of the squashed image."""
    plain, moved = (prepare(stored(80), SIDE, how, torch.manual_seed(0)) for how in (Augment(), PADDED))
    torch.testing.assert_close(area(moved["person"]), area(plain["person"]))
    down = moved["person"][:, 1] - plain["person"][:, 1]
    assert sorted(down.round().unique().tolist()) == list(range(-10, 11)) or len(down.unique()) > 15
    torch.testing.assert_close(down, down.round(), rtol=0, atol=1e-4)
    assert down.min() >= -10.001 and down.max() <= 10.001


FACTORS: dict[str, tuple[int, Callable[[Tensor, float], Tensor]]] = {
    "brightness": (0, F.adjust_brightness), "contrast": (1, F.adjust_contrast), "saturation": (2, F.adjust_saturation),
}


@pytest.mark.parametrize("name", FACTORS)
def test_each_color_change_is_torchvision_s(name: str) -> None:
    place, expected = FACTORS[name]
    image, values = torch.rand(3, 3, 12, 10, generator=torch.manual_seed(0)), (0.6, 1.0, 1.4)
    factors = torch.ones(3, 3)
    factors[:, place] = torch.tensor(values)
    for found, one, value in zip(augment.change_colors(image, factors), image, values, strict=True):
        torch.testing.assert_close(found, expected(one, value), rtol=0, atol=1e-5)


def test_all_color_changes_together_are_torchvision_s() -> None:
    image = torch.rand(1, 3, 12, 10, generator=torch.manual_seed(0))
    expected = F.adjust_saturation(F.adjust_contrast(F.adjust_brightness(image[0], 1.2), 0.8), 1.3)
    torch.testing.assert_close(augment.change_colors(image, torch.tensor([[1.2, 0.8, 1.3]]))[0], expected)


def test_colors_change_as_far_as_they_may_and_no_further() -> None:
    batch = stored(500)
    color = draw_choices(batch["size"], batch["person"], SIDE, Augment(jitter=0.4), torch.manual_seed(0)).color
    assert 0.6 <= color.min() < 0.61 and 1.39 < color.max() <= 1.4 and color.std(0).min() > 0.2
    strong = draw_choices(batch["size"], batch["person"], SIDE, Augment(jitter=1.5), torch.manual_seed(0))
    assert strong.color.min() == 0


def test_erasing_leaves_a_rectangle_of_the_mean_color_and_the_boxes() -> None:
    white = torch.full((3, HEIGHT, WIDTH), 255, dtype=torch.uint8)
    plain, out = (
        prepare(stored(200, white), SIDE, how, torch.manual_seed(0)) for how in (Augment(), Augment(erasing=0.5))
    )
    erased = (out["image"] == 0).all(1)                                  # [B, S, S]
    shares = erased.float().mean((1, 2))
    for one in erased[shares > 0]:
        y, x = one.nonzero(as_tuple=True)
        assert one[y.min() : y.max() + 1, x.min() : x.max() + 1].all(), "a whole rectangle"
    assert 70 <= (shares > 0).sum() <= 130 and 0.25 < shares.max() < 0.45 and shares[shares > 0].min() > 0.01
    assert torch.equal(out["person"], plain["person"]) and torch.equal(out["mask"], plain["mask"])
    assert erased.float().mean(0).std() < 0.1, "anywhere in the picture"


def test_no_regions_at_all() -> None:
    batch = stored(3) | {"regions": torch.zeros(3, 4, 4)}
    out = prepare(batch, SIDE, ALL, torch.manual_seed(0))
    assert not out["mask"].any() and not out["regions"].any()
