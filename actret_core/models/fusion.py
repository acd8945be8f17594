"""The fusion transformer: tokens of the three views to one action representation (Eq. 4 and 5)."""

import torch
from torch import Tensor, nn

from actret_core.config import require
from actret_core.models.config import Output, RegionNetConfig


def sinusoid(positions: Tensor, dim: int) -> Tensor:
    """The positional embedding of Eq. 4: positions [T] -> [T, D], sines at even and cosines at odd indices."""
    frequency = 10000.0 ** (-torch.arange(0, dim, 2) / dim)              # w_i, [D/2]
    angle = positions[:, None] * frequency                               # [T, D/2]
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


def token_types(features: str, k: int) -> Tensor:
    """The type of each token in the order of Eq. 5: 0 anchored person, 1 global, 2 for each of k regions."""
    types = {"a": [0], "g": [1], "l": [2] * k}
    return torch.tensor([t for letter in "agl" if letter in features for t in types[letter]])


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Avg of Eq. 5 over the real tokens: tokens [B, T, D], mask [B, T] -> [B, D]; zero where no token is real."""
    weight = mask.unsqueeze(2).to(tokens.dtype)
    return (tokens * weight).sum(1) / weight.sum(1).clamp(min=1)


class TokenNorm(nn.Module):
    """A batch norm for each type of token, over the real tokens, so that all views have the same scale."""

    def __init__(self, types: Tensor, dim: int) -> None:
        super().__init__()
        self.register_buffer("types", types, persistent=False)
        self.norms = nn.ModuleDict({str(t): nn.BatchNorm1d(dim) for t in types.unique().tolist()})

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        out = torch.zeros_like(tokens)
        for name, norm in self.norms.items():
            chosen = mask & (self.types == int(name))                    # [B, T]
            if chosen.sum() > 1 or not self.training:
                out[chosen] = norm(tokens[chosen]).to(out.dtype)
        return out


class FusionTransformer(nn.Module):
    """Eq. 5: add pos_i + typ_i, N transformer blocks, average. tokens [B, T, D], mask [B, T] -> F_T [B, D].

    Masked tokens are neither attended to nor averaged, so padding never changes a result.
    """

    def __init__(self, config: RegionNetConfig, dim: int) -> None:
        super().__init__()
        require(dim % config.heads == 0, "heads", config.heads, f"a divisor of the {dim} channels")
        types = token_types(config.features, config.k)
        positions = types if config.position == "type" else torch.arange(len(types))
        pos = sinusoid(positions.float(), dim) * (config.position != "none")
        self.register_buffer("pos", pos, persistent=False)
        self.register_buffer("types", types, persistent=False)
        self.typ = nn.Embedding(3, dim) if config.type_embedding else None
        self.blocks = nn.ModuleList(_block(config, dim) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(dim) if config.pre_norm else nn.Identity()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = tokens + self.pos                                            # [B, T, D]
        if self.typ is not None:
            x = x + self.typ(self.types)
        # attention over nothing is NaN: an image without a real token attends to its padding, and then averages to zero
        ignored = ~mask & mask.any(1, keepdim=True)                      # [B, T]
        for block in self.blocks:
            x = block(x, src_key_padding_mask=ignored)
        return masked_mean(self.norm(x), mask)


def _block(config: RegionNetConfig, dim: int) -> nn.Module:
    return nn.TransformerEncoderLayer(
        dim, config.heads, config.ffn, config.dropout, batch_first=True, norm_first=config.pre_norm
    )


class MeanFusion(nn.Module):
    """The ablation without a transformer: the plain average of the tokens."""

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return masked_mean(tokens, mask)


class FusionHead(nn.Module):
    """From tokens to Output: fusion, batch norm on top of F_T, and the two-layer ReLU classifier.

    The embedding for retrieval is F_T after the batch norm. tokens [B, T, D], mask [B, T].
    """

    inputs = ("tokens", "mask")

    def __init__(self, config: RegionNetConfig, dim: int) -> None:
        super().__init__()
        self.config, self.embedding_dim = config, dim
        self.fusion = FusionTransformer(config, dim) if config.fusion else MeanFusion()
        self.scale = TokenNorm(token_types(config.features, config.k), dim) if config.token_norm else None
        self.norm = nn.BatchNorm1d(dim)
        self.classifier = nn.Sequential(
            nn.Linear(dim, config.hidden), nn.ReLU(), nn.Linear(config.hidden, config.classes)
        )

    def forward(self, tokens: Tensor, mask: Tensor) -> Output:
        if self.scale is not None:
            tokens = self.scale(tokens, mask)
        embedding = self.norm(self.fusion(tokens, mask))
        return Output(embedding, self.classifier(embedding))
