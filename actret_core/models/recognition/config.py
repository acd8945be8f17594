"""What the configs of all recognition models share."""

from dataclasses import dataclass

from actret_core.config import require
from actret_core.models.config import BACKBONES


@dataclass(frozen=True)
class RecognitionConfig:
    """The fields of every recognition model.

    classes: number of actions. backbone: as in RegionNetConfig, cached maps for "..._tail" included. image_size: pixels
    of the photograph, squashed to a square.
    """

    classes: int = 40
    backbone: str = "resnet50"
    image_size: int = 224

    def __post_init__(self) -> None:
        require(self.backbone in BACKBONES, "backbone", self.backbone, f"one of {', '.join(BACKBONES)}")
        for field in ("classes", "image_size"):
            require(getattr(self, field) >= 1, field, getattr(self, field), "at least 1")
