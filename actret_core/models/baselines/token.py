"""R50-Token (Wu et al. 2022): a few visual tokens, read from the map and refined by it."""

import torch
from torch import Tensor, nn

from actret_core.config import (
    NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, ShareBelowOne, config_class, require,
)
from actret_core.models.backbone import build_backbone
from actret_core.models.baselines.arcface import ArcFace
from actret_core.models.config import ModelConfig, Output


@config_class
class TokenConfig(ModelConfig):
    """The defaults are the authors'; its stochastic depth is left out."""

    dim: PositiveInt = 1024          # of a token and of the embedding (authors')
    tokens: PositiveInt = 4          # visual tokens of an image (authors')
    heads: PositiveInt = 8           # of all attention (authors')
    refinements: NonNegativeInt = 2  # decoder layers that refine the tokens (authors')
    dropout: ShareBelowOne = 0.1     # in attention and MLP (authors')
    margin: NonNegativeFloat = 0.2   # ArcFace's, in radians (authors')
    scale: PositiveFloat = 32.0      # of ArcFace's cosines (authors')

    def __post_init__(self) -> None:
        require(self.dim % self.heads == 0, "heads", self.heads, f"a divisor of dim={self.dim}")


class CellNorm(nn.BatchNorm1d):
    """Batch norm of cells [B, T, d] over images and cells: that of a map, kept apart from the backbone's."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


class _Attention(nn.MultiheadAttention):
    """Attention of queries [B, T, d] over values [B, n, d], with dropout on the result as well."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__(config.dim, config.heads, config.dropout, batch_first=True)

    def forward(self, query: Tensor, value: Tensor) -> Tensor:
        out, _ = super().forward(query, value, value, need_weights=False)
        return nn.functional.dropout(out, self.dropout, self.training)


class Encoder(nn.Module):
    """The cells [B, T, d] attend to each other; then a normalized linear layer. Each step is added to its input."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.attention, self.norm = _Attention(config), CellNorm(config.dim)
        self.linear = nn.Linear(config.dim, config.dim)

    def forward(self, cells: Tensor) -> Tensor:
        cells = cells + self.attention(cells, cells)
        return cells + self.linear(self.norm(cells))


class Tokenizer(nn.Module):
    """Cells [B, T, d] -> visual tokens [B, n, d]. At each cell, the attention of all tokens sums to 1."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(config.tokens, config.dim))
        self.out = nn.Sequential(nn.Linear(config.dim, config.dim), nn.LayerNorm(config.dim))

    def attention(self, cells: Tensor) -> Tensor:
        """[B, n, T]: how much of each cell goes to each token; sums to 1 over the tokens, not over the cells."""
        return (self.queries @ cells.transpose(1, 2)).softmax(1)

    def forward(self, cells: Tensor) -> Tensor:
        return self.out(self.attention(cells) @ cells)


class Refinement(nn.Module):
    """Visual tokens [B, n, d] attend to the cells [B, T, d], pass an MLP and attend to each other; each is added."""

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        dim, drop = config.dim, config.dropout
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.cross, self.own = _Attention(config), _Attention(config)
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2 * dim), nn.GELU(), nn.Dropout(drop), nn.Linear(2 * dim, dim), nn.Dropout(drop)
        )

    def forward(self, tokens: Tensor, cells: Tensor) -> Tensor:
        tokens = tokens + self.cross(self.norms[0](tokens), cells)
        tokens = tokens + self.mlp(tokens)
        normed = self.norms[1](tokens)
        return tokens + self.own(normed, normed)


class TokenNet(nn.Module):
    """image [B, 3, S, S] -> Output: the embedding [B, dim] is a linear layer of all visual tokens, concatenated."""

    inputs = ("image",)

    def __init__(self, config: TokenConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.reduce = nn.Sequential(nn.Linear(self.backbone.dim, config.dim), CellNorm(config.dim))  # a 1x1 convolution
        self.encoder, self.tokenizer = Encoder(config), Tokenizer(config)
        self.refinements = nn.ModuleList(Refinement(config) for _ in range(config.refinements))
        self.out = nn.Sequential(nn.Linear(config.tokens * config.dim, config.dim), nn.BatchNorm1d(config.dim))
        self.arcface = ArcFace(config.dim, config.classes, config.margin, config.scale)

    def cells(self, feature_map: Tensor) -> Tensor:
        """The map [B, D, h, w] as cells [B, h*w, dim], reduced and encoded."""
        return self.encoder(self.reduce(feature_map.flatten(2).transpose(1, 2)))

    def head(self, feature_map: Tensor) -> Output:
        """The model after its backbone: from the map [B, D, h, w] to its output."""
        cells = self.cells(feature_map)
        tokens = self.tokenizer(cells)                                   # [B, n, dim]
        for refine in self.refinements:
            tokens = refine(tokens, cells)
        embedding = self.out(tokens.flatten(1))
        return Output(embedding, self.arcface.logits(embedding))

    def forward(self, image: Tensor) -> Output:
        return self.head(self.backbone(image))

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """ArcFace on the embedding; target [B, C]."""
        return self.arcface(output.embedding, target)
