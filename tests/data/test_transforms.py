import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.tv_tensors import Image

from actret_core.data.transforms import mix_share, mix_up, normalize, squash, store_side


def test_normalized_as_torchvision_does() -> None:
    image = torch.rand(2, 3, 5, 4)
    expected = v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(image)
    torch.testing.assert_close(normalize(image), expected)


def test_squashed_as_torchvision_does() -> None:
    image = torch.randint(0, 256, (3, 30, 50), dtype=torch.uint8)
    found, expected = squash(image, 24), v2.Resize((24, 24))(Image(image)).as_subclass(torch.Tensor)
    assert found.dtype == torch.uint8 and torch.equal(found, expected)


@pytest.mark.parametrize(("size", "side"), [(224, 256), (128, 152), (256, 296), (32, 40), (7, 8)])
def test_what_is_stored_is_a_seventh_larger(size: int, side: int) -> None:
    assert store_side(size) == side >= size * 8 / 7


def test_mix_up_mixes_images_as_it_mixes_targets() -> None:
    image = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 3, 2, 2)
    for share in (0.5, 0.8, 1.0):
        mixed, target = mix_up(image, torch.eye(4), share)
        torch.testing.assert_close(target.sum(1), torch.ones(4))
        torch.testing.assert_close(mixed[:, 0, 0, 0], target @ torch.arange(4.0))
        assert target.diagonal().tolist() == pytest.approx([share] * 4)


def test_the_first_photograph_is_always_the_dominant_one() -> None:
    rng = np.random.default_rng(0)
    shares = [mix_share(0.4, rng) for _ in range(200)]
    assert min(shares) >= 0.5 and max(shares) > 0.99 and 0.5 < sorted(shares)[40] < 0.95
    assert mix_share(0.4, np.random.default_rng(0)) == shares[0]
