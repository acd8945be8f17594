"""Action recognition from one image (Table 3): the models that the region-aware one is compared with."""

from torch import nn

from actret_core.models.config import ModelConfig
from actret_core.models.recognition.action_mask import ActionMask, ActionMaskConfig
from actret_core.models.recognition.fast_rcnn import FastRcnn, FastRcnnConfig
from actret_core.models.recognition.two_stream import TwoStream, TwoStreamConfig
from actret_core.models.recognition.whole_image import WholeImage, WholeImageConfig

# a method's name in the records -> its config and its module
RECOGNITION: dict[str, tuple[type[ModelConfig], type[nn.Module]]] = {
    "whole_image": (WholeImageConfig, WholeImage),
    "two_stream": (TwoStreamConfig, TwoStream),
    "fast_rcnn": (FastRcnnConfig, FastRcnn),
    "action_mask": (ActionMaskConfig, ActionMask),
}
