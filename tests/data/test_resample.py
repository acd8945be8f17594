"""The same pictures as torchvision's crop, resize and flip, one image at a time."""

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as F

from actret_core.data.transforms import resample

T, SIDE = 40, 28
STILL = torch.zeros(1, 2)


@pytest.fixture
def images() -> Tensor:
    return torch.randint(0, 256, (5, 3, T, T), generator=torch.manual_seed(0), dtype=torch.uint8)


WINDOWS = torch.tensor([[0.0, 0, 40, 40], [3, 5, 33, 40], [0, 10, 28, 38], [7, 1, 21, 12], [12, 0, 40, 25]])
NO, YES = torch.zeros(5, dtype=torch.bool), torch.ones(5, dtype=torch.bool)


def one_by_one(images: Tensor, windows: Tensor, side: int) -> Tensor:
    """torchvision's crop and antialiased resize of floats."""
    out = []
    for image, window in zip(images.float(), windows.int().tolist(), strict=True):
        x0, y0, x1, y1 = window
        out.append(F.resize(F.crop(image, y0, x0, y1 - y0, x1 - x0), [side, side], antialias=True))
    return torch.stack(out)


@pytest.mark.parametrize("side", [SIDE, 40, 64, 9])
def test_crop_and_squash_are_torchvision_s(images: Tensor, side: int) -> None:
    """Smaller and larger than the window; the tolerance is in gray levels of 255."""
    found = resample(images, WINDOWS, side, NO, STILL.expand(5, 2))
    assert found.shape == (5, 3, side, side) and found.dtype == torch.float32
    torch.testing.assert_close(found, one_by_one(images, WINDOWS, side), rtol=0, atol=1e-3)


def test_a_mirror_is_torchvision_s(images: Tensor) -> None:
    some = torch.tensor([True, False, True, True, False])
    found = resample(images, WINDOWS, SIDE, some, STILL.expand(5, 2))
    plain = one_by_one(images, WINDOWS, SIDE)
    for i, mirrored in enumerate(some):
        torch.testing.assert_close(found[i], F.horizontal_flip(plain[i]) if mirrored else plain[i], rtol=0, atol=1e-3)


def test_the_whole_at_its_own_size_is_left_as_it_is(images: Tensor) -> None:
    whole = torch.tensor([[0.0, 0, T, T]]).expand(5, 4)
    torch.testing.assert_close(resample(images, whole, T, NO, STILL.expand(5, 2)), images.float())


@pytest.mark.parametrize("mirrored", [NO, YES])
def test_a_shift_is_torchvision_s_padded_crop(images: Tensor, mirrored: Tensor) -> None:
    """After the mirror: padded by 4 and cut at (top, left), the content moves by 4 less that."""
    shift = torch.tensor([[0.0, 0], [4, -4], [-3, 2], [1, 0], [0, -1]])
    found = resample(images, WINDOWS, SIDE, mirrored, shift)
    plain = resample(images, WINDOWS, SIDE, mirrored, STILL.expand(5, 2))
    for i, (right, down) in enumerate(shift.int().tolist()):
        expected = F.crop(F.pad(plain[i], [4]), 4 - down, 4 - right, SIDE, SIDE)
        torch.testing.assert_close(found[i], expected)


def test_a_window_between_pixels_lies_between_the_whole_ones() -> None:
    """A ramp from left to right: half a pixel to the right is half a step brighter, away from the border."""
    ramp = torch.arange(float(T)).expand(1, 1, T, T)
    windows = torch.tensor([[5.0, 5, 33, 33]])
    first, half = (resample(ramp, windows + d, SIDE, NO[:1], STILL) for d in (0, 0.5))
    torch.testing.assert_close((half - first)[..., 2:-2], torch.full((1, 1, SIDE, SIDE - 4), 0.5), rtol=0, atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_a_gray_image_stays_as_gray_and_none_leaves_the_range(seed: int) -> None:
    generator = torch.manual_seed(seed)
    corner = 20 * torch.rand(8, 2, generator=generator)
    windows = torch.cat([corner, corner + 2 + 18 * torch.rand(8, 2, generator=generator)], 1)
    still = torch.zeros(8, 2)
    flat = resample(torch.full((8, 3, T, T), 77, dtype=torch.uint8), windows, SIDE, NO[:1].expand(8), still)
    torch.testing.assert_close(flat, torch.full_like(flat, 77))
    noise = torch.randint(0, 256, (8, 3, T, T), generator=generator, dtype=torch.uint8)
    found = resample(noise, windows, SIDE, NO[:1].expand(8), still)
    assert found.min() >= 0 and found.max() <= 255.001
