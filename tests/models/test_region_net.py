from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision.ops import roi_align

from actret_core.models.config import POSITIONS, RegionNetConfig
from actret_core.models.region_net import RegionNet, pool_regions

SUBSETS = ["".join(s) for n in (1, 2, 3) for s in combinations("agl", n)]
VARIANTS: list[dict[str, Any]] = (
    [{"features": f} for f in SUBSETS]
    + [{"features": f, "fusion": False} for f in SUBSETS]
    + [{"position": p, "type_embedding": t} for p in POSITIONS for t in (True, False)]
    + [{"blocks": b} for b in (2, 3, 4, 6)]
    + [
        {"pre_norm": False},
        {"token_norm": True},
        {"token_norm": True, "fusion": False},
        {"roi_size": 1},
        {"roi_size": 7},
        {"k": 1},
        {"dropout": 0.5},
        {"pooling": "gem"},
        {"heads": 8},
    ]
)
Inputs = dict[str, Tensor]


def built(config: RegionNetConfig) -> RegionNet:
    """In evaluation mode, with batch norms that do something."""
    torch.manual_seed(2)
    model = RegionNet(config).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
    return model


def assert_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=0, atol=1e-5)


@pytest.mark.parametrize("roi_size", [1, 3, 7])
def test_pooling_is_roi_align_and_a_maximum_box_by_box(inputs: Inputs, roi_size: int) -> None:
    feature_map = torch.randn(3, 5, 4, 4)
    found = pool_regions(feature_map, inputs["regions"], inputs["mask"], 32, roi_size)
    for image in range(3):
        for box in range(4):
            expected = torch.zeros(5)
            if inputs["mask"][image, box]:
                one = inputs["regions"][image, box][None] / 8  # in cells of the map
                cells = roi_align(feature_map[image][None], [one], roi_size, sampling_ratio=2, aligned=True)
                expected = torch.tensor([max(channel.flatten().tolist()) for channel in cells[0]])
            torch.testing.assert_close(found[image, box], expected)


def test_the_generalized_mean_of_a_view_by_hand(config: RegionNetConfig, inputs: Inputs) -> None:
    """A map of ones and threes, half and half: the cube root of (1 + 27) / 2, for the image and for a box over all."""
    feature_map = torch.ones(1, 1, 4, 4)
    feature_map[..., 2:] = 3
    whole, real = torch.tensor([[[0.0, 0, 32, 32]]]), torch.ones(1, 1, dtype=torch.bool)
    found = pool_regions(feature_map, whole, real, 32, 4, "gem")
    cells = roi_align(feature_map, [whole[0] / 8], 4, sampling_ratio=2, aligned=True)
    assert found.item() == pytest.approx((cells**3).mean().item() ** (1 / 3))
    model = built(replace(config, pooling="gem", features="g"))
    model.backbone.forward = lambda image: feature_map.expand(len(image), model.backbone.dim, 4, 4)
    tokens, _ = model.tokens(**inputs)
    torch.testing.assert_close(tokens, torch.full_like(tokens, 14 ** (1 / 3)))


def test_boxes_are_pixels_of_the_input() -> None:
    """A map whose left half holds 1 and right half 9, under boxes of an image of 64 pixels."""
    feature_map = torch.ones(1, 1, 8, 8)
    feature_map[..., 4:] = 9
    boxes = torch.tensor(
        [[[0, 0, 24, 64], [40, 0, 64, 64], [0, 0, 64, 64], [0, 8, 4, 12]]], dtype=torch.float32
    )
    pooled = pool_regions(feature_map, boxes, torch.ones(1, 4, dtype=torch.bool), 64, 3)
    assert pooled.flatten().tolist() == [1, 9, 9, 1]


def test_a_box_is_pooled_from_its_own_image() -> None:
    feature_map = torch.tensor([3.0, 5.0, 7.0]).reshape(3, 1, 1, 1).expand(3, 2, 4, 4)
    boxes = torch.tensor([0.0, 0, 32, 32]).expand(3, 2, 4)
    mask = torch.tensor([[True, False], [False, True], [True, True]])
    assert pool_regions(feature_map, boxes, mask, 32, 3)[..., 0].tolist() == [[3, 0], [0, 5], [7, 7]]


def test_negative_features_are_not_lost_to_the_padding() -> None:
    boxes, real = torch.tensor([[[0.0, 0, 32, 32]]]), torch.ones(1, 1, dtype=torch.bool)
    assert pool_regions(torch.full((1, 1, 4, 4), -2.0), boxes, real, 32, 3).item() == -2


@pytest.mark.parametrize("features", SUBSETS)
def test_tokens_are_the_three_views_in_order(config: RegionNetConfig, inputs: Inputs, features: str) -> None:
    model = built(replace(config, features=features))
    tokens, mask = model.tokens(**inputs)
    feature_map, real = model.backbone(inputs["image"]), torch.ones(3, 1, dtype=torch.bool)
    views = {
        "a": (pool_regions(feature_map, inputs["person"][:, None], real, 32, 3), real),
        "g": (feature_map.flatten(2).max(2).values[:, None], real),
        "l": (pool_regions(feature_map, inputs["regions"], inputs["mask"], 32, 3), inputs["mask"]),
    }
    torch.testing.assert_close(tokens, torch.cat([views[f][0] for f in features], 1))
    assert torch.equal(mask, torch.cat([views[f][1] for f in features], 1))


def test_on_a_cached_map_boxes_are_still_pixels_of_the_photograph(
    config: RegionNetConfig, inputs: Inputs
) -> None:
    model = built(replace(config, backbone="resnet50", on_maps=True))
    maps = torch.randn(3, 1024, 4, 4)                                    # of images of 64 pixels, read as 32
    with torch.no_grad():
        tokens, _ = model.tokens(**inputs | {"image": maps})
        feature_map = model.backbone(maps)
        real = torch.ones(3, 1, dtype=torch.bool)
        person = pool_regions(feature_map, inputs["person"][:, None], real, 32, 3)
    assert tokens.shape == (3, 6, 2048)
    torch.testing.assert_close(tokens[:, :1], person)


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_variant_runs_and_learns_everywhere(
    config: RegionNetConfig, inputs: Inputs, variant: dict
) -> None:
    """Fig. 4 and Table 4: each ablation is a field of the config; no parameter is left without a gradient."""
    config = replace(config, **variant)
    inputs = inputs | {name: inputs[name][:, : config.k] for name in ("regions", "mask")}
    torch.manual_seed(0)
    model = RegionNet(config).eval()  # in training, the batch norm cancels the bias before it
    output = model(**inputs)
    assert output.embedding.shape == (3, 96) and output.logits.shape == (3, 3)
    output.logits.square().sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not dead
    trained = model.train()(**inputs)
    assert torch.isfinite(trained.embedding).all() and torch.isfinite(trained.logits).all()


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(
    ("features", "token_norm"), [("agl", False), ("agl", True), ("l", False), ("l", True)]
)
def test_padding_never_changes_a_result(
    config: RegionNetConfig, inputs: Inputs, features: str, token_norm: bool, position: str
) -> None:
    config = replace(config, features=features, token_norm=token_norm, position=position)
    expected = built(config)(**inputs)
    for garbage in (-50.0, 1e4, float("nan")):
        boxes = torch.where(inputs["mask"].unsqueeze(2), inputs["regions"], garbage)
        assert_same(built(config)(**inputs | {"regions": boxes}), expected)
    more = {"regions": pad(inputs["regions"], (0, 0, 0, 6), value=9), "mask": pad(inputs["mask"], (0, 6))}
    assert_same(built(replace(config, k=10))(**inputs | more), expected)
    with torch.inference_mode():  # PyTorch has another path here
        assert_same(built(config)(**inputs), expected)


@pytest.mark.parametrize("features", SUBSETS)
@pytest.mark.parametrize("change", [{}, {"fusion": False}, {"token_norm": True}], ids=str)
def test_no_proposal_at_all(config: RegionNetConfig, inputs: Inputs, features: str, change: dict) -> None:
    nothing = {"regions": torch.zeros(3, 4, 4), "mask": torch.zeros(3, 4, dtype=torch.bool)}
    model = RegionNet(replace(config, features=features, **change))
    for training in (True, False):
        output = model.train(training)(**inputs | nothing)
        assert torch.isfinite(output.embedding).all() and torch.isfinite(output.logits).all()
    output.logits.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_an_image_is_not_changed_by_its_company(config: RegionNetConfig, inputs: Inputs) -> None:
    model = built(config)
    together = model(**inputs)
    for i in range(3):
        alone = model(**{name: value[i : i + 1] for name, value in inputs.items()})
        assert_same(alone, (together.embedding[i : i + 1], together.logits[i : i + 1]))


def test_each_view_can_change_the_embedding(config: RegionNetConfig, inputs: Inputs) -> None:
    model = built(config)
    before = model(**inputs).embedding
    box = torch.tensor([0.0, 0, 8, 8])
    person = model(**inputs | {"person": box.expand(3, 4)}).embedding
    regions = model(**inputs | {"regions": box.expand(3, 4, 4)}).embedding
    for after, changed in (
        (person, [True] * 3),
        (regions, [True, True, False]),
    ):  # the third image has no region
        assert [not torch.allclose(a, b, atol=1e-5) for a, b in zip(after, before, strict=True)] == changed


def test_half_precision_is_close(config: RegionNetConfig, inputs: Inputs) -> None:
    model = built(config)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(**inputs)
    similarity = torch.cosine_similarity(half.embedding.float(), model(**inputs).embedding)
    assert similarity.min() > 0.99


def test_the_paper_s_model_by_formula() -> None:
    """ResNet-50 without its classifier has 23,508,032 parameters; D = 2048, three blocks, 40 actions."""
    with torch.device("meta"):
        model = RegionNet(RegionNetConfig())
    d, f, h, c = 2048, 2048, 512, 40
    block = 4 * d * d + 4 * d + 2 * d * f + f + d + 4 * d
    head = 3 * block + 3 * d + 2 * d + 2 * d + d * h + h + h * c + c
    assert sum(p.numel() for p in model.backbone.parameters()) == 23_508_032
    assert sum(p.numel() for p in model.parameters()) == 23_508_032 + head
