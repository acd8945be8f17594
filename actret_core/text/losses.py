"""The hinge loss on triplets, across text and visual and within each, and how triplets are drawn."""

import torch
from pytorch_metric_learning.distances import DotProductSimilarity
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn

from actret_core.text.config import SpaceConfig

Triplets = tuple[Tensor, Tensor, Tensor]


def sample_triplets(labels: Tensor, each: int, within: bool) -> Triplets:
    """Anchors, positives and negatives, int [T] each: `each` random triplets for every anchor that has both kinds.

    labels int [B]: a positive has the anchor's label, a negative another one. `within` one modality, anchor and
    positive are never the same item; across two they may be a caption and its own visual.
    """
    same = labels[:, None] == labels                                     # [B, B]
    other = ~same
    if within:
        same = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    anchors = (same.any(1) & other.any(1)).nonzero().flatten()           # [A]
    if not len(anchors):
        return anchors, anchors, anchors
    return anchors.repeat_interleave(each), _draw(same[anchors], each).flatten(), _draw(other[anchors], each).flatten()


def _draw(allowed: Tensor, each: int) -> Tensor:
    """`each` random columns of every row in which `allowed` bool [A, B] is True, with replacement: int [A, each]."""
    count = allowed.cumsum(1)                                            # [A, B]: allowed columns up to this one
    number = (torch.rand(len(allowed), each, device=allowed.device) * count[:, -1:]).long() + 1
    return torch.searchsorted(count, number)                             # the column where `count` reaches `number`


class CrossModalTriplets(nn.Module):
    """The weighted sum of four losses max(0, margin + |a - p|^2 - |a - n|^2), each a mean over its triplets.

    text and visual [B, d] at unit length, labels int [B]. With the labels of one part of speech the loss is aware of
    it (PoS-aware): by verbs, "cut onion" and "cut tree" are positives of each other. Rows of label -1 have no such
    part and are left out.
    """

    def __init__(self, config: SpaceConfig) -> None:
        super().__init__()
        self.weights = {"tt": config.tt, "tv": config.tv, "vt": config.vt, "vv": config.vv}
        self.each = config.triplets
        # of unit vectors, |a - b|^2 = 2 - 2 a.b: the hinge on products is half that on distances, and much cheaper
        dot = DotProductSimilarity(normalize_embeddings=False)
        self.half_hinge = TripletMarginLoss(config.margin / 2, distance=dot, reducer=MeanReducer())

    def forward(self, text: Tensor, visual: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch, a scalar; zero where no triplet can be drawn."""
        kept = labels >= 0
        side, labels = {"t": text[kept].float(), "v": visual[kept].float()}, labels[kept]
        total = text.sum() * 0.0                                         # keeps its gradient where there is no triplet
        for (anchor, other), weight in self.weights.items():
            triplets = sample_triplets(labels, self.each, within=anchor == other)
            if weight and len(triplets[0]):
                total = total + weight * 2 * self.half_hinge(side[anchor], indices_tuple=triplets, ref_emb=side[other])
        return total


def join(*parts: Tensor) -> Tensor:
    """Parts [B, d] concatenated, at unit length; a row that is zero in all parts stays zero."""
    return nn.functional.normalize(torch.cat(parts, dim=1))
