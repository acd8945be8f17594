"""The Reranking Transformer (Tan, Yuan and Ordonez 2021): it reads two images as one sequence and says if they match.

Its global branch, which ranks the gallery first, is DELG, as in the authors' study of landmarks; so a trained DELG is
the first half of a trained RRT. The second half, the pair transformer, learns its local descriptors from DELG's frozen
map.
"""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from actret_core.config import PositiveInt, ShareBelowOne, config_class, require
from actret_core.errors import EmbeddingError
from actret_core.models.baselines.delg import Delg, DelgConfig
from actret_core.models.config import ModelConfig, Output
from actret_core.models.fusion import sinusoid

CLS, SEP, FIRST, SECOND = range(4)


@config_class
class RrtConfig(ModelConfig):
    """DELG and the pair transformer that reranks its best. The defaults are the authors'."""

    dim: PositiveInt = 2048          # of DELG's embedding, which ranks first (authors')
    cells: PositiveInt = 7           # a side of the map of descriptors; a finer map is averaged to it (authors')
    local_dim: PositiveInt = 128     # of a local descriptor (authors')
    blocks: PositiveInt = 6          # of the pair transformer (authors')
    heads: PositiveInt = 4           # of a block's attention (authors')
    ffn: PositiveInt = 1024          # width of a block's feed-forward layer (authors')
    dropout: ShareBelowOne = 0.0     # in the blocks (authors')
    top: PositiveInt = 100           # how many of a ranking are reranked (authors')

    def __post_init__(self) -> None:
        require(self.local_dim % self.heads == 0, "heads", self.heads, f"a divisor of local_dim={self.local_dim}")
        require(self.local_dim % 4 == 0, "local_dim", self.local_dim, "a multiple of 4, for sines of rows and columns")


def sine_positions(height: int, width: int, dim: int) -> Tensor:
    """The position of each cell, [h*w, dim]: half the channels encode its row, half its column, both in (0, 2]."""
    rows, columns = (sinusoid(2 * torch.arange(1, n + 1) / n, dim // 2) for n in (height, width))
    grid = rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)
    return torch.cat(grid, 2).flatten(0, 1)


class PairTransformer(nn.Module):
    """Maps of two images [B, D, h, w] -> Output: the CLS token [B, d], and a logit [B, 1] for a shared action."""

    inputs = ("first", "second")

    def __init__(self, config: RrtConfig, dim: int) -> None:
        super().__init__()
        self.config = config
        self.describe = nn.Conv2d(dim, config.local_dim, 1)
        self.segments = nn.Embedding(4, config.local_dim)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(config.local_dim, config.heads, config.ffn, config.dropout, batch_first=True)
            for _ in range(config.blocks)
        )
        self.score = nn.Linear(config.local_dim, 1)
        for parameter in self.parameters():
            if parameter.ndim > 1:  # the segments too: at their default scale they would outweigh the descriptors
                nn.init.xavier_uniform_(parameter)

    def descriptors(self, feature_map: Tensor) -> Tensor:
        """Local descriptors with their positions: [B, D, h, w] -> [B, h*w, d]."""
        local = self.describe(feature_map)                               # [B, d, h, w]
        return local.flatten(2).transpose(1, 2) + sine_positions(*local.shape[2:], local.shape[1]).to(local)

    def match(self, first: Tensor, second: Tensor) -> Output:
        """As `forward`, of the descriptors [B, T, d] of both images."""
        cls, sep = (self.segments.weight[i].expand(len(first), 1, -1) for i in (CLS, SEP))
        first, second = first + self.segments.weight[FIRST], second + self.segments.weight[SECOND]
        x = torch.cat([cls, first, sep, second], 1)                      # [B, 2T + 2, d]
        for block in self.blocks:
            x = block(x)
        return Output(x[:, 0], self.score(x[:, 0]))

    def forward(self, first: Tensor, second: Tensor) -> Output:
        return self.match(self.descriptors(first), self.descriptors(second))

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """Binary cross-entropy on the logit; target [B, 1] is 1 for a pair of one action."""
        return F.binary_cross_entropy_with_logits(output.logits.float(), target)


class Rrt(nn.Module):
    """image [B, 3, S, S] -> DELG's Output.

    `pairs` is trained after it (`training.pairs`), and sorts the first places of its rankings again.
    """

    inputs = ("image",)

    def __init__(self, config: RrtConfig) -> None:
        super().__init__()
        self.config = config
        shared = {f.name: getattr(config, f.name) for f in fields(ModelConfig)}
        self.delg = Delg(DelgConfig(**shared, dim=config.dim))
        self.pairs = PairTransformer(config, self.delg.backbone.dim)

    @property
    def backbone(self) -> nn.Module:
        """The backbone, which is that of the global branch."""
        return self.delg.backbone

    def maps(self, image: Tensor) -> Tensor:
        """The map [B, D, h, w] that local descriptors are made of, averaged to at most `cells` rows and columns."""
        feature_map = self.backbone(image)
        size = [min(side, self.config.cells) for side in feature_map.shape[2:]]
        return F.adaptive_avg_pool2d(feature_map, size)

    def descriptors(self, image: Tensor) -> Tensor:
        """The local descriptors of an image, [B, T, d]."""
        return self.pairs.descriptors(self.maps(image))

    def head(self, feature_map: Tensor) -> Output:
        """The model after its backbone: from the map [B, D, h, w] to its output."""
        return self.delg.head(feature_map)

    def forward(self, image: Tensor) -> Output:
        return self.delg(image)

    def loss(self, output: Output, target: Tensor) -> Tensor:
        """The loss of the global branch, ArcFace; target [B, C]."""
        return self.delg.loss(output, target)


def rerank_pairs(
    model: PairTransformer, ranking: np.ndarray, queries: Tensor, gallery: Tensor, top: int = 100,
    chunk: int = 128, symmetric: bool = False, half: bool = False, progress: bool = False,
) -> np.ndarray:
    """A ranking int [Q, R] of gallery rows, best first, with its first `top` places sorted by the scores of `model`.

    queries [Q, T, d] and gallery [G, T, d] are local descriptors; `chunk` pairs are matched at a time. The places
    after `top` stay as they are; equal scores keep their order. `symmetric` adds the score of the pair in the other
    order, which the authors do not do; `half` computes in bfloat16; `progress` shows a bar. Leave the query itself out
    of `ranking`, or it takes one of the places.
    Raises ConfigError if there are fewer than `top` places, EmbeddingError if the ranking does not fit the two sets.
    """
    ranking = np.asarray(ranking)
    places = min(ranking.shape[-1], len(gallery))
    wanted = f"1 to {places}: the ranking has {ranking.shape[-1]} places in a gallery of {len(gallery)}; name fewer"
    require(1 <= top <= places, "top", top, wanted)
    if ranking.shape[:1] != (len(queries),) or ranking.max() >= len(gallery):
        raise EmbeddingError(f"ranking {ranking.shape} does not fit {len(queries)} queries and {len(gallery)} items")
    best = ranking[:, :top]
    device = next(model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        scores = _scores(model.eval(), best, queries, gallery, chunk, symmetric, progress)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.concatenate([np.take_along_axis(best, order, axis=1), ranking[:, top:]], axis=1)


@torch.inference_mode()
def _scores(
    model: PairTransformer, best: np.ndarray, queries: Tensor, gallery: Tensor, chunk: int, symmetric: bool,
    progress: bool,
) -> np.ndarray:
    """The logit of every query with each of its first `top` items, [Q, top]."""
    device = next(model.parameters()).device
    rows = torch.arange(len(best)).repeat_interleave(best.shape[1])      # [P]
    items = torch.from_numpy(best.astype(np.int64)).flatten()            # [P]
    out = []
    pieces = [*zip(rows.split(chunk), items.split(chunk), strict=True)]
    for row, item in tqdm(pieces, f"pairs, {chunk} at a time", disable=not progress):
        left, right = queries[row].to(device).float(), gallery[item].to(device).float()
        logits = model.match(left, right).logits
        out.append((logits + model.match(right, left).logits if symmetric else logits).float().cpu())
    return torch.cat(out).view(best.shape).numpy()
