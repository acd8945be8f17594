"""The box head of Faster R-CNN (Ren et al. 2015), trained to name the action in the person's box."""

from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

from actret_core.config import PositiveInt, config_class
from actret_core.models.backbone import build_backbone
from actret_core.models.config import ModelConfig, Output

LEVEL = "0"  # of the pyramid, the only one


@config_class
class FastRcnnConfig(ModelConfig):
    """The pyramid and the box head; the defaults are torchvision's.

    The backbone starts from ImageNet and the head from random weights; no weights of a detector are used.
    """

    channels: PositiveInt = 256      # of the pyramid (torchvision)
    roi_size: PositiveInt = 7        # cells on a side of the person's box (torchvision)
    hidden: PositiveInt = 1024       # width of the head, and of the embedding (torchvision)


class FastRcnn(nn.Module):
    """image [B, 3, S, S] and person [B, 4] -> Output; the embedding [B, hidden] is what the classifier reads.

    The person's box, xyxy in pixels, is the one RoI of each image; nothing is proposed and no box is regressed.
    """

    inputs = ("image", "person")

    def __init__(self, config: FastRcnnConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = build_backbone(config.backbone, tail=config.on_maps)
        self.fpn = FeaturePyramidNetwork([self.backbone.dim], config.channels)
        self.pool = MultiScaleRoIAlign([LEVEL], config.roi_size, sampling_ratio=2)
        self.box_head = TwoMLPHead(config.channels * config.roi_size**2, config.hidden)
        self.classifier = nn.Linear(config.hidden, config.classes)

    def forward(self, image: Tensor, person: Tensor) -> Output:
        # RoI Align has no bfloat16 kernel on every device
        level = self.fpn({LEVEL: self.backbone(image)})[LEVEL].float()
        boxes = list(person.float()[:, None])                            # B tensors [1, 4]
        size = (self.config.image_size, self.config.image_size)
        cells = self.pool({LEVEL: level}, boxes, [size])                 # [B, channels, roi_size, roi_size]
        embedding = self.box_head(cells)
        return Output(embedding, self.classifier(embedding))
