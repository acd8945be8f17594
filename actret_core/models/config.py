"""What all configs of models share, and the region-aware model's: all that the paper leaves open is a field."""

from typing import Literal, NamedTuple, get_args

from torch import Tensor

from actret_core.config import PositiveInt, Share, ShareBelowOne, config_class, require

Backbone = Literal["resnet50", "resnet50_he2016", "small"]
Position = Literal["token", "type", "none"]
BACKBONES, POSITIONS = get_args(Backbone), get_args(Position)


class Output(NamedTuple):
    """What every model returns: `embedding` [B, D] for retrieval and `logits` [B, C] for the classification loss."""

    embedding: Tensor
    logits: Tensor


@config_class
class ModelConfig:
    """The fields that the config of every method has.

    backbone: "resnet50" (torchvision: stride in the 3x3 convolution), "resnet50_he2016" (stride in the 1x1) or "small"
    (for the playground).
    """

    classes: PositiveInt = 40        # number of actions (Stanford-40, Section 4.1)
    backbone: Backbone = "resnet50"  # what makes the feature map (Section 4.1; where it strides is ours)
    on_maps: bool = False            # its last stage alone, on the cached maps of the others, which are frozen (ours)
    image_size: PositiveInt = 224    # pixels of a side: the photograph is squashed to a square (4.1; squashing is ours)
    flip_test: bool = False          # beyond the paper: the mean of the embeddings of a photograph and its mirror


@config_class
class RegionNetConfig(ModelConfig):
    """The region-aware model. A default is the paper's where it is named, else ours (see "Open choices")."""

    k: PositiveInt = 10              # contextual regions of a person, at most (Eq. 2, Section 4.1)
    min_score: Share = 0.05          # confidence that a proposal needs (3.2; value: torchvision's)
    max_iou: Share = 1.0             # proposals that overlap the person more are left out; 1: none is (ours)
    roi_size: PositiveInt = 3        # cells on a side of an RoI, before its maximum is taken (ours)
    features: str = "agl"            # views: a anchored person, g global, l contextual regions (Fig. 4a)
    fusion: bool = True              # the fusion transformer (Section 3.3); False averages the tokens (Fig. 4a)
    blocks: PositiveInt = 3          # of the fusion transformer (Section 4.1; Table 4 varies them)
    heads: PositiveInt = 8           # of a block's attention (Section 4.1)
    ffn: PositiveInt = 2048          # width of a block's feed-forward layer (PyTorch's default)
    dropout: ShareBelowOne = 0.1     # in the blocks (PyTorch's default)
    token_norm: bool = False         # bring the views to one scale, by a batch norm each (ours; off, as in the paper)
    pooling: Literal["max", "gem"] = "max"  # of a view's cells (Eq. 3); gem, beyond the paper: the mean of power 3
    pre_norm: bool = True            # normalize before attention, not after (ours)
    position: Position = "token"     # Eq. 4: one for each token, one for each type of feature, or none (Fig. 4b)
    type_embedding: bool = True      # Eq. 5 (Fig. 4b)
    hidden: PositiveInt = 512        # width of the classifier's hidden layer (3.4; value: ours)

    def __post_init__(self) -> None:
        subset = 0 < len(self.features) == len(set(self.features) & set("agl"))
        require(subset, "features", self.features, "some of the letters a (person), g (global), l (regions), each once")
