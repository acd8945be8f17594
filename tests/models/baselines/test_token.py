import re

import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError
from actret_core.models.baselines.token import TokenConfig, Tokenizer, TokenNet


@pytest.fixture
def model(token_config: TokenConfig) -> TokenNet:
    torch.manual_seed(0)
    return TokenNet(token_config).eval()


def test_at_every_cell_the_tokens_share_an_attention_of_one(model: TokenNet, image: Tensor) -> None:
    cells = model.cells(model.backbone(image))
    attention = model.tokenizer.attention(cells)
    assert attention.shape == (3, 4, 64) and attention.min() >= 0
    torch.testing.assert_close(attention.sum(1), torch.ones(3, 64))
    assert not torch.allclose(attention.sum(2), torch.ones(3, 4)), "over the cells it does not"


def test_the_tokenizer_by_hand() -> None:
    """Two queries, two cells: (1, 0) goes to the first token by e / (e + 1), (0, 0) to both alike."""
    tokenizer = Tokenizer(TokenConfig(dim=2, tokens=2, heads=1))
    tokenizer.queries.data, tokenizer.out = torch.tensor([[1.0, 0], [0, 1]]), nn.Identity()
    cells = torch.tensor([[[1.0, 0], [0, 0]]])
    share = 2.718281828 / 3.718281828
    torch.testing.assert_close(tokenizer.attention(cells)[0], torch.tensor([[share, 0.5], [1 - share, 0.5]]))
    torch.testing.assert_close(tokenizer(cells)[0], torch.tensor([[share, 0], [1 - share, 0]]))


def test_the_embedding_is_all_tokens_side_by_side(model: TokenNet, image: Tensor) -> None:
    output, cells = model(image), model.cells(model.backbone(image))
    tokens = model.tokenizer(cells)
    for refine in model.refinements:
        tokens = refine(tokens, cells)
    torch.testing.assert_close(output.embedding, model.out(torch.cat(list(tokens.unbind(1)), 1)))
    assert len(model.refinements) == 2 and tokens.shape == (3, 4, 24)


def test_a_refinement_is_three_steps_in_order(model: TokenNet) -> None:
    """Cross-attention of the normalized tokens, the MLP, self-attention of the normalized; each added."""
    layer, tokens, cells = model.refinements[0], torch.randn(2, 4, 24), torch.randn(2, 9, 24)
    x = tokens + nn.MultiheadAttention.forward(layer.cross, layer.norms[0](tokens), cells, cells)[0]
    x = x + layer.mlp(x)
    y = layer.norms[1](x)
    torch.testing.assert_close(layer(tokens, cells), x + nn.MultiheadAttention.forward(layer.own, y, y, y)[0])


def test_the_order_of_the_cells_does_not_matter(model: TokenNet, image: Tensor) -> None:
    """It has no positions: the map turned by half gives the same embedding."""
    feature_map = model.backbone(image)
    torch.testing.assert_close(model.head(feature_map.flip(2, 3)).embedding, model.head(feature_map).embedding)


def test_its_batch_norms_are_apart_from_the_backbone_s(model: TokenNet) -> None:
    """Frozen statistics are those of every BatchNorm2d; those of the head must still be learned."""
    names = [name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert names and all(name.startswith("backbone.") for name in names)


def test_its_size_at_224() -> None:
    model = TokenNet(TokenConfig()).eval()
    with torch.inference_mode():
        output = model(torch.randn(2, 3, 224, 224))
    assert output.embedding.shape == (2, 1024) and output.logits.shape == (2, 40)
    d = 1024
    linear, attention, norm = d * d + d, 4 * (d * d + d), 2 * d
    encoder = attention + norm + linear
    decoder = 2 * attention + 2 * norm + (d * 2 * d + 2 * d) + (2 * d * d + d)
    tokens = 4 * d + linear + norm
    expected = (2048 * d + d + norm) + encoder + tokens + 2 * decoder + (4 * d * d + d + norm) + 40 * d
    assert sum(p.numel() for p in model.parameters()) == 23_508_032 + expected


def test_the_defaults_are_the_authors() -> None:
    config = TokenConfig()
    assert (config.dim, config.tokens, config.heads, config.refinements) == (1024, 4, 8, 2)
    assert (config.margin, config.scale, config.dropout) == (0.2, 32, 0.1)


@pytest.mark.parametrize(
    ("field", "value"), [("heads", 5), ("tokens", 0), ("dropout", 1.0), ("scale", -1), ("refinements", -1)]
)
def test_a_bad_value_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        TokenConfig(**{field: value})
