"""The strong ReID baseline (Luo et al. 2019): a plain ResNet-50 with every trick of person re-identification."""

from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import roi_align

from actret_core.config import NonNegativeFloat, ShareBelowOne, config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.baselines.arcface import action_shares
from actret_core.models.config import ModelConfig


Stride = Annotated[int, Field(ge=1, le=2, description="1 or 2")]


@config_class
class StrongReidConfig(ModelConfig):
    """The baseline with all of its tricks. The defaults are the authors'."""

    last_stride: Stride = 1                   # of the backbone's last stage (authors')
    smoothing: ShareBelowOne = 0.1            # of the labels (authors')
    margin: NonNegativeFloat = 0.3            # of the triplets, on Euclidean distances (authors')
    center_weight: NonNegativeFloat = 0.0005  # of the center loss (authors')
    center_lr: NonNegativeFloat = 0.5         # step by which the centers follow their actions (authors')
    crop: bool = False                        # see the anchored person alone, not the whole image (ours)


class StrongOutput(NamedTuple):
    """An Output with the `feature` [B, D] before the batch norm, which the metric losses see."""

    embedding: Tensor
    logits: Tensor
    feature: Tensor


def crop_person(image: Tensor, person: Tensor) -> Tensor:
    """The box of the anchored person, stretched to the image's size: [B, 3, S, S] and xyxy [B, 4] -> [B, 3, S, S]."""
    boxes = list(person.float()[:, None])                                # B tensors [1, 4]
    return roi_align(image.float(), boxes, image.shape[-2:], sampling_ratio=2, aligned=True)


class CenterLoss(nn.Module):
    """The squared distance of a feature to the center of its action, summed and divided by the batch's size.

    The authors give the centers an SGD optimizer of their own, of rate 0.5; its step for this loss is a moving
    average. Here the loss takes that step itself, so that one optimizer is enough. The centers are a buffer and not
    parameters: the optimizer's rate, weight decay and clipping do not apply to them.
    """

    def __init__(self, classes: int, dim: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.register_buffer("centers", torch.randn(classes, dim))

    def forward(self, feature: Tensor, label: Tensor) -> Tensor:
        """feature [B, D], label [B] -> scalar; in training, the centers then move toward their features."""
        away = feature - self.centers[label]                             # [B, D]
        if self.training:
            step = 2 * self.lr / max(len(label), 1) * away.detach()
            self.centers = self.centers.index_add(0, label, step)
        return away.square().sum() / max(len(label), 1)


class StrongReid(nn.Module):
    """image [B, 3, S, S] (and person [B, 4] xyxy in pixels, if cropped) -> StrongOutput, the embedding after BNNeck."""

    inputs = ("image",)

    def __init__(self, config: StrongReidConfig) -> None:
        super().__init__()
        self.config = config
        self.inputs = ("image", "person") if config.crop else ("image",)
        self.backbone = build_backbone(config.backbone, config.last_stride, tail=config.on_maps)
        dim = self.backbone.dim
        self.neck = nn.BatchNorm1d(dim)
        self.neck.bias.requires_grad_(False)
        self.classifier = nn.Linear(dim, config.classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=0.001)
        distance = LpDistance(normalize_embeddings=False)
        self.miner = BatchHardMiner(distance=distance)
        # the library's default mean leaves out triplets of zero loss; the authors' mean counts them
        self.triplets = TripletMarginLoss(config.margin, distance=distance, reducer=MeanReducer())
        self.centers = CenterLoss(config.classes, dim, config.center_lr)

    def head(self, feature_map: Tensor) -> StrongOutput:
        """The model after its backbone: from the map [B, D, h, w] to its output."""
        feature = feature_map.mean((2, 3))
        embedding = self.neck(feature)
        return StrongOutput(embedding, self.classifier(embedding), feature)

    def forward(self, image: Tensor, person: Tensor | None = None) -> StrongOutput:
        return self.head(self.backbone(image if person is None else crop_person(image, person)))

    def loss(self, output: StrongOutput, target: Tensor) -> Tensor:
        """Cross-entropy + triplets + weighted centers; target [B, C].

        For the last two, a person of several actions or a mixed-up image counts under the one of the largest share;
        a person of none of the actions is left out of all three.
        """
        known = target.sum(1) > 0
        logits, feature = output.logits.float()[known], output.feature.float()[known]
        if not len(feature):
            return output.logits.sum() * 0
        label, c = target[known].argmax(1), self.config
        entropy = F.cross_entropy(logits, action_shares(target[known]), label_smoothing=c.smoothing)
        triplets = self.triplets(feature, label, self.miner(feature, label))
        return entropy + triplets + c.center_weight * self.centers(feature, label)
