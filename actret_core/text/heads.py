"""From the features of one modality into one space, and from words to features."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EmbeddingHead(nn.Module):
    """L2, Linear, gated linear unit, L2: x [B, inputs] -> [B, dim] at unit length.

    The gated unit multiplies each number by a gate in (0, 1), which is computed from all of them.
    """

    def __init__(self, inputs: int, dim: int) -> None:
        super().__init__()
        self.linear, self.gate = nn.Linear(inputs, dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(F.normalize(x))
        return F.normalize(F.glu(torch.cat([x, self.gate(x)], dim=1), dim=1))


class WordAverage(nn.Module):
    """The mean vector of each row's words: numbers [B, W] of a Vocabulary, 0 for none -> [B, word_dim].

    A row without words is zero. `table` [words, word_dim] holds the vectors; `learn` says whether training moves them.
    """

    def __init__(self, table: np.ndarray, learn: bool) -> None:
        super().__init__()
        vectors = torch.from_numpy(table)
        self.table = nn.EmbeddingBag.from_pretrained(vectors, freeze=not learn, mode="mean", padding_idx=0)

    def forward(self, words: Tensor) -> Tensor:
        return self.table(words)
