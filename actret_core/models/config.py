"""What all configs of models share, and the region-aware model's: all that the paper leaves open is a field."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from actret_core.config import require, require_at_least

WHOLE = ("resnet50", "resnet50_he2016", "small")
BACKBONES = (*WHOLE, *(f"{name}_tail" for name in WHOLE))
POSITIONS = ("token", "type", "none")
POOLINGS = ("max", "gem")


class Output(NamedTuple):
    """What every model returns: `embedding` [B, D] for retrieval and `logits` [B, C] for the classification loss."""

    embedding: Tensor
    logits: Tensor


@dataclass(frozen=True)
class ModelConfig:
    """The fields that the config of every method has.

    classes: number of actions. backbone: "resnet50" (torchvision: stride in the 3x3 convolution), "resnet50_he2016"
    (stride in the 1x1), "small" (for the playground), or one of these with "_tail": the last stage alone, on cached
    maps (`data.maps`). image_size: pixels of the photograph, squashed to a square. flip_test: beyond the paper, the
    embedding of a photograph is the mean of its own and of its mirror's.
    """

    classes: int = 40
    backbone: str = "resnet50"
    image_size: int = 224
    flip_test: bool = False

    def __post_init__(self) -> None:
        require(self.backbone in BACKBONES, "backbone", self.backbone, f"one of {', '.join(BACKBONES)}")
        require_at_least(1, self, "classes", "image_size")


@dataclass(frozen=True)
class RegionNetConfig(ModelConfig):
    """The region-aware model. The defaults are the paper's, or our answer where it is silent ("Open choices").

    k, min_score, max_iou: Eq. 2. roi_size:
    cells of an RoI before its maximum is taken. features: a subset of "agl": anchored person, global, contextual
    regions (Fig. 4a). fusion: False averages the tokens instead. blocks, heads, ffn, dropout: the fusion transformer
    (Table 4 varies blocks). pre_norm: normalize before attention, not after. position: one per "token", one per
    "type" of feature, or "none"; type_embedding: Eq. 5 (Fig. 4b). hidden: width of the classifier. token_norm: bring
    the views to one scale by a batch norm each before they are fused (the paper adds them as they are). pooling: of
    the cells of a view, "max" (Eq. 3) or, beyond the paper, "gem", the generalized mean of power 3.
    """

    k: int = 10
    min_score: float = 0.05
    max_iou: float = 1.0
    roi_size: int = 3
    features: str = "agl"
    fusion: bool = True
    blocks: int = 3
    heads: int = 8
    ffn: int = 2048
    dropout: float = 0.1
    token_norm: bool = False
    pooling: str = "max"
    pre_norm: bool = True
    position: str = "token"
    type_embedding: bool = True
    hidden: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.position in POSITIONS, "position", self.position, f"one of {', '.join(POSITIONS)}")
        require(self.pooling in POOLINGS, "pooling", self.pooling, f"one of {', '.join(POOLINGS)}")
        subset = 0 < len(self.features) == len(set(self.features) & set("agl"))
        require(subset, "features", self.features, "some of the letters a (person), g (global), l (regions), each once")
        require_at_least(1, self, "k", "roi_size", "blocks", "heads", "ffn", "hidden")
        for field in ("min_score", "max_iou"):
            require(0 <= getattr(self, field) <= 1, field, getattr(self, field), "a number in [0, 1]")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a number in [0, 1)")
