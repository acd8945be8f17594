import math
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError
from actret_core.models.config import POSITIONS, RegionNetConfig
from actret_core.models.fusion import FusionHead, FusionTransformer, TokenNorm, masked_mean, sinusoid, token_types

DIM = 12
SUBSETS = ["".join(s) for n in (1, 2, 3) for s in combinations("agl", n)]
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]], dtype=torch.bool)


@pytest.fixture
def tokens() -> Tensor:
    """Six tokens (person, global, four regions) of three images, zeros where `MASK` is False."""
    return torch.randn(3, 6, DIM, generator=torch.manual_seed(0)) * MASK.unsqueeze(2)


def built(config: RegionNetConfig, dim: int = DIM) -> FusionTransformer:
    torch.manual_seed(1)
    return FusionTransformer(config, dim).eval()


def test_sinusoid_is_equation_4_in_a_loop() -> None:
    dim, steps = 10, (0, 1, 2, 11, 500)
    found = sinusoid(torch.tensor(steps, dtype=torch.float32), dim)
    for row, t in zip(found, steps, strict=True):
        for i in range(dim // 2):
            w = 1 / 10000 ** (2 * i / dim)
            assert row[2 * i].item() == pytest.approx(math.sin(w * t), abs=1e-4)
            assert row[2 * i + 1].item() == pytest.approx(math.cos(w * t), abs=1e-4)


@pytest.mark.parametrize(
    ("features", "types"),
    [
        ("agl", [0, 1, 2, 2, 2]),
        ("lga", [0, 1, 2, 2, 2]),
        ("ag", [0, 1]),
        ("al", [0, 2, 2, 2]),
        ("gl", [1, 2, 2, 2]),
        ("l", [2, 2, 2]),
    ],
)
def test_tokens_come_in_the_order_of_equation_5(features: str, types: list[int]) -> None:
    assert token_types(features, 3).tolist() == types


def test_masked_mean_is_a_loop_over_real_tokens(tokens: Tensor) -> None:
    found = masked_mean(tokens, MASK)
    for row, image, mask in zip(found, tokens, MASK, strict=True):
        real = [token for token, is_real in zip(image, mask, strict=True) if is_real]
        torch.testing.assert_close(row, sum(real) / len(real))


def test_the_mean_of_no_token_is_zero() -> None:
    assert masked_mean(torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool)).tolist() == [[0] * 4] * 2


def naive_attention(layer: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Scaled dot-product attention of one image's real tokens x [T, D], a loop over heads and tokens."""
    wq, wk, wv = layer.in_proj_weight.chunk(3)
    bq, bk, bv = layer.in_proj_bias.chunk(3)
    q, k, v = x @ wq.T + bq, x @ wk.T + bk, x @ wv.T + bv
    width, heads = x.shape[1] // layer.num_heads, []
    for h in range(layer.num_heads):
        part = slice(h * width, (h + 1) * width)
        rows = []
        for query in q[:, part]:
            weight = torch.stack([(query @ key / math.sqrt(width)).exp() for key in k[:, part]])
            rows.append((weight / weight.sum()) @ v[:, part])
        heads.append(torch.stack(rows))
    return torch.cat(heads, 1) @ layer.out_proj.weight.T + layer.out_proj.bias


def naive_block(block: nn.TransformerEncoderLayer, x: Tensor) -> Tensor:
    def feed_forward(y: Tensor) -> Tensor:
        return block.linear2(block.linear1(y).clamp(min=0))

    if block.norm_first:
        x = x + naive_attention(block.self_attn, block.norm1(x))
        return x + feed_forward(block.norm2(x))
    x = block.norm1(x + naive_attention(block.self_attn, x))
    return block.norm2(x + feed_forward(x))


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("position", POSITIONS)
def test_equation_5_on_the_real_tokens_alone(
    config: RegionNetConfig, tokens: Tensor, pre_norm: bool, position: str
) -> None:
    """The oracle never sees padding, so equality also says that padding changes nothing."""
    fusion = built(replace(config, blocks=2, pre_norm=pre_norm, position=position))
    types = torch.tensor([0, 1, 2, 2, 2, 2])
    places = {"token": torch.arange(6), "type": types, "none": None}[position]
    pos = torch.zeros(6, DIM) if places is None else sinusoid(places.float(), DIM)
    found = fusion(tokens, MASK)
    for row, image, mask in zip(found, tokens, MASK, strict=True):
        x = (image + pos + fusion.typ.weight[types])[mask]
        for block in fusion.blocks:
            x = naive_block(block, x)
        torch.testing.assert_close(row, fusion.norm(x).mean(0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize("position", POSITIONS)
def test_padding_never_changes_a_result(
    config: RegionNetConfig, tokens: Tensor, position: str, pre_norm: bool
) -> None:
    """Neither what stands in it nor how much there is, with gradients or on PyTorch's inference path."""
    fusion = built(replace(config, position=position, pre_norm=pre_norm))
    longer = built(replace(config, position=position, pre_norm=pre_norm, k=config.k + 3))
    garbage = torch.where(MASK.unsqueeze(2), tokens, 1e3)
    more, more_mask = nn.functional.pad(garbage, (0, 0, 0, 3), value=-7), nn.functional.pad(MASK, (0, 3))
    expected = fusion(tokens, MASK)
    for inference in (False, True):
        with torch.inference_mode(inference):
            for found in (fusion(tokens, MASK), fusion(garbage, MASK), longer(more, more_mask)):
                torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_no_token_at_all_gives_zero(config: RegionNetConfig) -> None:
    fusion, nothing = built(replace(config, features="l")), torch.zeros(2, 4, dtype=torch.bool)
    for inference in (False, True):
        with torch.inference_mode(inference):
            assert not fusion(torch.zeros(2, 4, DIM), nothing).any()


def test_only_one_position_per_token_sees_the_order_of_regions(
    config: RegionNetConfig, tokens: Tensor
) -> None:
    swapped = tokens[:1, [0, 1, 5, 4, 3, 2]]
    for position in POSITIONS:
        fusion = built(replace(config, position=position))
        same = torch.allclose(fusion(tokens[:1], MASK[:1]), fusion(swapped, MASK[:1]), atol=1e-5)
        assert same == (position != "token"), position


def test_without_embeddings_the_views_cannot_be_told_apart(config: RegionNetConfig, tokens: Tensor) -> None:
    swapped = tokens[:1, [1, 0, 2, 3, 4, 5]]
    for position, typed in [("none", False), ("none", True), ("type", False)]:
        fusion = built(replace(config, position=position, type_embedding=typed))
        same = torch.allclose(fusion(tokens[:1], MASK[:1]), fusion(swapped, MASK[:1]), atol=1e-5)
        assert same == (position == "none" and not typed), (position, typed)


def test_token_norm_is_one_batch_norm_a_view_over_its_real_tokens(tokens: Tensor) -> None:
    types = token_types("agl", 4)
    norm = TokenNorm(types, DIM).train()
    found = norm(torch.where(MASK.unsqueeze(2), tokens, 1e3), MASK)
    for view in range(3):
        chosen = MASK & (types == view)
        real = tokens[chosen]
        expected = (real - real.mean(0)) / (real.var(0, unbiased=False) + 1e-5).sqrt()
        torch.testing.assert_close(found[chosen], expected, rtol=1e-4, atol=1e-5)
    assert not found[~MASK].any()
    again = norm.eval()(tokens, MASK)
    assert not again[~MASK].any() and torch.isfinite(again).all() and not torch.allclose(again, found)


def test_token_norm_without_a_real_token_of_a_view(tokens: Tensor) -> None:
    norm, none = TokenNorm(token_types("agl", 4), DIM), MASK & (torch.arange(6) < 2)
    for training in (True, False):
        found = norm.train(training)(tokens, none)
        assert torch.isfinite(found).all() and not found[:, 2:].any() and found[:, :2].any()
    assert norm.norms["2"].num_batches_tracked == 0


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 6])
def test_parameters_by_formula(config: RegionNetConfig, blocks: int) -> None:
    """Table 4: blocks of attention, feed-forward and two norms each; then types, norms and classifier."""
    d, f = DIM, config.ffn
    head = FusionHead(replace(config, blocks=blocks), DIM)
    block = (4 * d * d + 4 * d) + (2 * d * f + f + d) + 4 * d
    assert parameters(head.fusion.blocks[0]) == block
    assert parameters(head.fusion) == blocks * block + 3 * d + 2 * d
    classifier = d * config.hidden + config.hidden + config.hidden * config.classes + config.classes
    assert parameters(head) == parameters(head.fusion) + 2 * d + classifier


def test_blocks_are_not_copies_of_one_another(config: RegionNetConfig) -> None:
    first, second, third = FusionTransformer(replace(config, blocks=3), DIM).blocks
    for name, weight in first.named_parameters():
        if weight.dim() == 2:
            others = dict(second.named_parameters())[name], dict(third.named_parameters())[name]
            assert not any(torch.equal(weight, other) for other in others), name


def test_without_fusion_there_is_no_transformer_and_the_mean_remains(
    config: RegionNetConfig, tokens: Tensor
) -> None:
    head = FusionHead(replace(config, fusion=False), DIM).eval()
    assert not parameters(head.fusion) and not any(
        isinstance(m, nn.MultiheadAttention) for m in head.modules()
    )
    head.norm.running_mean.fill_(0.5), head.norm.running_var.fill_(4.0)
    expected = (masked_mean(tokens, MASK) - 0.5) / math.sqrt(4 + head.norm.eps)
    torch.testing.assert_close(head(tokens, MASK).embedding, expected)


def test_the_embedding_follows_the_batch_norm_and_feeds_the_classifier(
    config: RegionNetConfig, tokens: Tensor
) -> None:
    head = FusionHead(config, DIM).train()
    embedding, logits = head(tokens, MASK)
    torch.testing.assert_close(embedding.mean(0), torch.zeros(DIM), atol=1e-5, rtol=0)
    first, _, second = head.classifier
    torch.testing.assert_close(logits, second(first(embedding).clamp(min=0)))
    assert logits.shape == (3, config.classes)


@pytest.mark.parametrize("features", SUBSETS)
def test_nothing_learned_is_tied_to_k(config: RegionNetConfig, features: str) -> None:
    small, large = (FusionHead(replace(config, features=features, k=k), DIM).state_dict() for k in (1, 30))
    assert {n: v.shape for n, v in small.items()} == {n: v.shape for n, v in large.items()}


def test_heads_that_do_not_divide_the_width_are_named(config: RegionNetConfig) -> None:
    with pytest.raises(ConfigError, match="heads=5: expected a divisor of the 12 channels"):
        FusionHead(replace(config, heads=5), DIM)
