import math
import re

import pytest
import torch
from torch import Tensor

from actret_core.errors import ConfigError
from actret_core.models.baselines.delg import Delg, DelgConfig
from actret_core.models.baselines.rrt import PairTransformer, Rrt, RrtConfig, sine_positions
from actret_core.models.config import Output


@pytest.fixture
def model(rrt_config: RrtConfig) -> Rrt:
    torch.manual_seed(0)
    return Rrt(rrt_config).eval()


def test_positions_by_hand() -> None:
    """Two rows, one column, four channels: sine and cosine of 1 and 2 for the rows, of 2 for the only column."""
    found = sine_positions(2, 1, 4)
    expected = [[math.sin(y), math.cos(y), math.sin(2), math.cos(2)] for y in (1, 2)]
    torch.testing.assert_close(found, torch.tensor(expected))
    assert sine_positions(3, 5, 8).unique(dim=0).shape == (15, 8)


def test_positions_are_in_the_order_of_a_flattened_map() -> None:
    grid = sine_positions(3, 5, 8).T.reshape(8, 3, 5)
    assert (grid[:4] == grid[:4, :, :1]).all(), "the first half tells the row"
    assert (grid[4:] == grid[4:, :1]).all(), "the second half the column"


def test_the_pair_is_one_sequence(model: Rrt) -> None:
    """CLS, the first image, SEP, the second, each with its segment; the answer is read at CLS."""
    pairs, first, second = model.pairs, torch.randn(2, 5, 16), torch.randn(2, 5, 16)
    cls, sep, one, two = pairs.segments.weight
    for row in range(2):
        x = torch.stack([cls, *(first[row] + one), sep, *(second[row] + two)])[None]
        assert x.shape == (1, 12, 16)
        for block in pairs.blocks:
            x = block(x)
        found = pairs.match(first, second)
        torch.testing.assert_close(found.embedding[row], x[0, 0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found.logits[row], pairs.score(x[0, 0]), atol=1e-5, rtol=1e-4)


def test_blocks_normalize_after(model: Rrt) -> None:
    assert not any(block.norm_first for block in model.pairs.blocks) and RrtConfig().blocks == 6


def test_maps_are_averaged_to_few_cells(model: Rrt, image: Tensor) -> None:
    """8 x 8 cells of the small backbone become 4 x 4; a map that is as small stays."""
    feature_map = model.backbone(image)
    expected = feature_map.reshape(3, 96, 4, 2, 4, 2).mean((3, 5))
    torch.testing.assert_close(model.maps(image), expected)
    torch.testing.assert_close(model.maps(image[..., :32, :32]), model.backbone(image[..., :32, :32]))
    torch.testing.assert_close(model.descriptors(image), model.pairs.descriptors(expected))


def test_forward_describes_and_matches(model: Rrt, image: Tensor) -> None:
    maps = model.maps(image)
    found = model.pairs(maps, maps.flip(0))
    torch.testing.assert_close(found, model.pairs.match(model.descriptors(image), model.descriptors(image).flip(0)))
    assert found.logits.shape == (3, 1) and found.embedding.shape == (3, 16)


def test_binary_cross_entropy_by_hand(model: Rrt) -> None:
    """Logits 2 (a match) and -1 (none): -log s(2) and -log(1 - s(-1))."""
    costs = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))
    output = Output(torch.zeros(2, 16), torch.tensor([[2.0], [-1.0]]))
    assert model.pairs.loss(output, torch.tensor([[1.0], [0.0]])).item() == pytest.approx(sum(costs) / 2)


def test_the_global_branch_is_delg(model: Rrt, rrt_config: RrtConfig, image: Tensor) -> None:
    delg = Delg(DelgConfig(classes=3, backbone="small", image_size=64, dim=24)).eval()
    delg.load_state_dict(model.delg.state_dict())
    output, target = model(image), torch.eye(3)
    torch.testing.assert_close(output, delg(image))
    torch.testing.assert_close(model.loss(output, target), delg.loss(output, target))


def test_its_size_at_224() -> None:
    model = Rrt(RrtConfig()).eval()
    picture = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        output, local = model(picture), model.descriptors(picture)
        assert model.pairs.match(local[:1], local[1:]).logits.shape == (1, 1)
    assert output.embedding.shape == (2, 2048) and local.shape == (2, 49, 128)
    d, f = 128, 1024
    block = 4 * (d * d + d) + 2 * d * f + f + d + 4 * d
    pairs = 2048 * d + d + 4 * d + 6 * block + d + 1
    assert sum(p.numel() for p in model.pairs.parameters()) == pairs
    assert sum(p.numel() for p in model.parameters()) == 23_508_032 + 2048 * 2048 + 2048 + 40 * 2048 + pairs


@pytest.mark.parametrize(
    ("field", "value"), [("heads", 3), ("local_dim", 6), ("top", 0), ("cells", 0), ("dropout", -0.1), ("blocks", 0)]
)
def test_a_bad_value_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        RrtConfig(**({"heads": 1} if field == "local_dim" else {}) | {field: value})


def test_the_pair_transformer_takes_any_backbone(rrt_config: RrtConfig) -> None:
    pairs = PairTransformer(rrt_config, 7)
    assert pairs(torch.randn(2, 7, 3, 3), torch.randn(2, 7, 3, 3)).logits.shape == (2, 1)
