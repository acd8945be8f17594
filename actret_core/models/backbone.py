"""The backbone F: from a photograph to a feature map."""

from torch import Tensor, nn
from torchvision.models import resnet50

from actret_core.config import require
from actret_core.models.config import BACKBONES

SMALL_WIDTHS = (16, 32, 64, 96)


class ResNetBackbone(nn.Module):
    """ResNet-50 without its pooling and classifier: image [B, 3, S, S] -> map [B, 2048, S/32, S/32].

    `stride_in_1x1`: the layout of He et al. 2016, with the stride of a stage in its first 1x1 convolution; torchvision
    has it in the 3x3. Weights of one layout can be loaded into the other, but work clearly worse there. With
    `last_stride` 1 the last stage keeps the size of its input: the map has S/16 x S/16 cells, from the same weights.
    """

    dim = 2048

    def __init__(self, stride_in_1x1: bool, last_stride: int = 2) -> None:
        super().__init__()
        self.stem, self.layers = _resnet_parts(stride_in_1x1, last_stride)

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(self.stem(image))


class FrontBackbone(nn.Module):
    """The front of the backbone `whole`: all its stages but the last.

    image [B, 3, S, S] -> map [B, dim, S/stride, S/stride]. ResNet-50's map has 1024 channels and stride 16. It is the
    input of the TailBackbone of the same `whole`.
    """

    def __init__(self, whole: str) -> None:
        super().__init__()
        net = build_backbone(whole)
        self.whole = whole
        self.dim, self.stride = (SMALL_WIDTHS[-2], 8) if whole == "small" else (1024, 16)
        self.stem, self.layers = getattr(net, "stem", nn.Identity()), net.layers[:-1]

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(self.stem(image))


class TailBackbone(nn.Module):
    """The tail of the backbone `whole`, its last stage: ResNet-50's takes [B, 1024, h, w] to [B, 2048, h/2, w/2].

    With `last_stride` 1 the result is h x w. It is the backbone of a model with `on_maps`, where the front is frozen,
    its maps are cached, and only the tail runs. Front and tail name their parameters as the whole does, so that their
    two states together are a state of the whole backbone.
    """

    def __init__(self, whole: str, last_stride: int = 2) -> None:
        super().__init__()
        net = build_backbone(whole, last_stride)
        self.whole, self.dim, self.layers = whole, net.dim, net.layers[-1:]  # a slice keeps its name, "3"

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def _resnet_parts(stride_in_1x1: bool, last_stride: int = 2) -> tuple[nn.Sequential, nn.Sequential]:
    """The stem and the four stages of a randomly initialized ResNet-50."""
    net = resnet50(weights=None)
    layers = nn.Sequential(net.layer1, net.layer2, net.layer3, net.layer4)
    if stride_in_1x1:
        for layer in layers[1:]:
            layer[0].conv1.stride, layer[0].conv2.stride = (2, 2), (1, 1)
    if last_stride == 1:
        block = layers[-1][0]
        block.conv1.stride = block.conv2.stride = block.downsample[0].stride = (1, 1)
    return nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool), layers


class SmallBackbone(nn.Module):
    """Four convolution stages for drawn scenes: image [B, 3, S, S] -> map [B, 96, S/8, S/8].

    A cell of the map sees 43 x 43 pixels: enough for an object, too few for what lies outside its box.
    """

    dim = SMALL_WIDTHS[-1]

    def __init__(self) -> None:
        super().__init__()
        channels = (3, *SMALL_WIDTHS)
        strides, second_kernels = (2, 2, 2, 1), (3, 3, 1, 1)             # one of each for a stage
        self.layers = nn.Sequential(*map(_stage, channels[:-1], channels[1:], strides, second_kernels))

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def _stage(inputs: int, outputs: int, stride: int, second_kernel: int) -> nn.Sequential:
    """Two convolutions with batch norm and ReLU; the first has the stride and kernel 3."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, second_kernel, padding="same", bias=False), nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def build_backbone(name: str, last_stride: int = 2, tail: bool = False) -> nn.Module:
    """A randomly initialized backbone by its config name; its attribute `dim` is the number of channels D.

    `last_stride`, 1 or 2, is that of ResNet-50's last stage; the small backbone's is 1 in any case. With `tail`, only
    the last stage, which takes the maps of a FrontBackbone.
    """
    require(name in BACKBONES, "backbone", name, f"one of {', '.join(BACKBONES)}")
    require(last_stride in (1, 2), "last_stride", last_stride, "1 or 2")
    if tail:
        return TailBackbone(name, last_stride)
    return SmallBackbone() if name == "small" else ResNetBackbone("he2016" in name, last_stride)
