"""The box head of Faster R-CNN (Ren et al. 2015), fine-tuned to name the action in the person's box."""

from functools import partial
from pathlib import Path
from typing import Literal

from torch import Tensor, nn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign

from actret_core.config import PositiveInt, config_class, require
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output
from actret_core.models.weights import fill, read_weights

LEVELS, TRAINED = ("0", "1", "2", "3"), 3  # of torchvision's pyramid; how many stages it fine-tunes
COCO = "FasterRCNN_ResNet50_FPN_Weights.COCO_V1"


@config_class
class FastRcnnConfig(ModelConfig):
    """The pyramid and the box head; the defaults are torchvision's.

    "coco" is torchvision's `fasterrcnn_resnet50_fpn`: a pyramid of four levels and the head come from detection
    (`load_coco`), and fix the other fields. "imagenet" is the config's backbone with a pyramid of one level, and a
    randomly initialized head.
    """

    pretrained: Literal["imagenet", "coco"] = "imagenet"  # what the weights have learned (ours)
    channels: PositiveInt = 256      # of the pyramid (torchvision)
    roi_size: PositiveInt = 7        # cells on a side of the person's box (torchvision)
    hidden: PositiveInt = 1024       # width of the head, and of the embedding (torchvision)

    def __post_init__(self) -> None:
        if self.pretrained == "coco":
            fixed = {"backbone": "resnet50", "channels": 256, "roi_size": 7, "hidden": 1024}
            for field, value in fixed.items():
                require(getattr(self, field) == value, field, getattr(self, field), f"{value!r} with pretrained='coco'")


class FastRcnn(nn.Module):
    """image [B, 3, S, S] and person [B, 4] -> Output; the embedding [B, hidden] is what the classifier reads.

    The person's box is the one RoI of each image; nothing is proposed and no box is regressed. With "coco", conv1 and
    layer1 are frozen, as torchvision's fine-tuning has it, and the batch norms are constants.
    """

    inputs = ("image", "person")

    def __init__(self, config: FastRcnnConfig) -> None:
        super().__init__()
        self.config = config
        if config.pretrained == "coco":
            norm = partial(FrozenBatchNorm2d, eps=0.0)  # what these weights were trained with
            whole = resnet_fpn_backbone(
                backbone_name="resnet50", weights=None, norm_layer=norm, trainable_layers=TRAINED
            )
            self.backbone, self.fpn, levels = whole.body, whole.fpn, LEVELS
        else:
            self.backbone, levels = build_backbone(config.backbone), LEVELS[:1]
            self.fpn = FeaturePyramidNetwork([self.backbone.dim], config.channels)
        self.pool = MultiScaleRoIAlign(list(levels), config.roi_size, sampling_ratio=2)
        self.box_head = TwoMLPHead(config.channels * config.roi_size**2, config.hidden)
        self.classifier = nn.Linear(config.hidden, config.classes)

    def forward(self, image: Tensor, person: Tensor) -> Output:
        maps = self.backbone(image)
        levels = self.fpn({LEVELS[0]: maps} if isinstance(maps, Tensor) else maps)
        # RoI Align has no bfloat16 kernel on every device
        levels = {name: level.float() for name, level in levels.items()}
        size = (self.config.image_size, self.config.image_size)
        cells = self.pool(levels, list(person.float()[:, None]), [size])  # [B, channels, roi_size, roi_size]
        embedding = self.box_head(cells)
        return Output(embedding, self.classifier(embedding))


def load_coco(model: FastRcnn, weights: str | Path = COCO) -> None:
    """Fill all but the classifier with a detector's weights: torchvision's by name, or a safetensors file of them.

    Raises DownloadError without a network; then `pretrained="imagenet"` is the way, and the record says so.
    Raises CheckpointError for weights of another detector.
    """
    config = model.config
    require(config.pretrained == "coco", "pretrained", config.pretrained, "'coco' for a detector's weights")
    state = read_weights(weights)
    parts = {"backbone.body.": model.backbone, "backbone.fpn.": model.fpn, "roi_heads.box_head.": model.box_head}
    for prefix, module in parts.items():
        fill(module, {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}, weights)
