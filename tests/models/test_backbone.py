from itertools import pairwise

import pytest
import torch

from actret_core.errors import ConfigError
from actret_core.models.backbone import FrontBackbone, ResNetBackbone, SmallBackbone, TailBackbone, build_backbone
from actret_core.models.config import BACKBONES

# a backbone's stride, that of its last stage, and the channels which that takes
STRIDES = {"resnet50": (32, 2, 1024), "resnet50_he2016": (32, 2, 1024), "small": (8, 1, 64)}


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("tail", [False, True])
def test_the_map_has_dim_channels_and_the_stride_of_the_docstring(name: str, tail: bool) -> None:
    whole, last, channels = STRIDES[name]
    stride = last if tail else whole
    with torch.device("meta"):  # shapes without arithmetic
        backbone, image = build_backbone(name, tail=tail), torch.empty(2, channels if tail else 3, 96, 64)
    assert backbone(image).shape == (2, backbone.dim, 96 // stride, 64 // stride)


@pytest.mark.parametrize(("he2016", "first", "second"), [(True, (2, 2), (1, 1)), (False, (1, 1), (2, 2))])
def test_the_layouts_differ_in_where_a_stage_strides(he2016: bool, first: tuple, second: tuple) -> None:
    with torch.device("meta"):
        layers = ResNetBackbone(stride_in_1x1=he2016).layers
    for stage in layers[1:]:
        assert stage[0].conv1.stride == first and stage[0].conv2.stride == second
        assert stage[0].downsample[0].stride == (2, 2)
        for block in stage[1:]:
            assert block.conv1.stride == block.conv2.stride == (1, 1)
    assert all(block.conv1.stride == block.conv2.stride == (1, 1) for block in layers[0])


def test_names_choose_the_layout() -> None:
    with torch.device("meta"):
        assert build_backbone("resnet50_he2016").layers[1][0].conv1.stride == (2, 2)
        assert build_backbone("resnet50").layers[1][0].conv1.stride == (1, 1)
        assert isinstance(build_backbone("small"), SmallBackbone)


def test_the_small_backbone_has_the_parameters_of_its_eight_convolutions() -> None:
    widths, second = [3, 16, 32, 64, 96], [9, 9, 1, 1]
    expected = sum(9 * i * o + 2 * o + n * o * o + 2 * o for (i, o), n in zip(pairwise(widths), second, strict=True))
    assert sum(p.numel() for p in SmallBackbone().parameters()) == expected


def test_a_cell_of_the_small_map_sees_43_pixels() -> None:
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    SmallBackbone().eval()(image)[0, :, 8, 8].sum().backward()
    seen = image.grad[0].abs().sum(0).nonzero()                          # [n, 2]
    assert (seen.amax(0) - seen.amin(0) + 1 <= 43).all() and (seen.amax(0) - seen.amin(0) > 30).all()


def test_an_unknown_backbone_is_named() -> None:
    with pytest.raises(ConfigError, match="backbone='vgg': expected one of resnet50, resnet50_he2016, small"):
        build_backbone("vgg")


@pytest.mark.parametrize(
    ("name", "channels", "cells", "last_stride"),
    [
        ("resnet50", (1024, 2048), 4, 2), ("resnet50_he2016", (1024, 2048), 4, 2),
        ("resnet50_he2016", (1024, 2048), 4, 1),
        ("small", (64, 96), 8, 2), ("small", (64, 96), 8, 1),
    ],
)  # fmt: skip
def test_front_and_tail_are_the_whole(
    name: str, channels: tuple[int, int], cells: int, last_stride: int
) -> None:
    """Bit for bit, with batch norms that do something; their states together are the whole's."""
    torch.manual_seed(0)
    whole, tail = build_backbone(name, last_stride), build_backbone(name, last_stride, tail=True)
    front = FrontBackbone(name)
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
    state = whole.state_dict()
    assert state.keys() == front.state_dict().keys() | tail.state_dict().keys()
    for part in (front, tail):
        part.load_state_dict({key: state[key] for key in part.state_dict()})
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        middle = front.eval()(image)
        found = tail.eval()(middle)
        assert torch.equal(found, whole.eval()(image))
    after = cells if name == "small" else cells // last_stride
    assert middle.shape == (2, channels[0], cells, cells) and found.shape == (2, channels[1], after, after)
    assert (front.dim, tail.dim, 64 // front.stride) == (*channels, cells)


def test_the_tail_has_the_parameters_of_layer4() -> None:
    """Three bottlenecks of width 512 on 2048 channels, the first on 1024 and with a projection."""
    with torch.device("meta"):
        parts = {"front": FrontBackbone("resnet50"), "tail": build_backbone("resnet50", tail=True)}
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
    narrow, wide, norms = 512, 2048, 2 * (512 + 512 + 2048)
    block = 2 * narrow * wide + 9 * narrow**2 + norms
    first = narrow * 1024 + 9 * narrow**2 + narrow * wide + norms + 1024 * wide + 2 * wide
    assert counts["tail"] == first + 2 * block
    assert counts["front"] == 23_508_032 - counts["tail"]


def test_front_and_tail_have_the_layout_of_their_name() -> None:
    with torch.device("meta"):
        tail, front = build_backbone("resnet50_he2016", tail=True), FrontBackbone("resnet50_he2016")
        assert isinstance(tail, TailBackbone) and tail.whole == front.whole == "resnet50_he2016"
        assert tail.layers[0][0].conv1.stride == front.layers[1][0].conv1.stride == (2, 2)
        assert build_backbone("resnet50", tail=True).layers[0][0].conv1.stride == (1, 1)


@pytest.mark.parametrize("build", [FrontBackbone, lambda name: build_backbone(name, tail=True)])
def test_an_unknown_backbone_has_no_parts(build) -> None:
    with pytest.raises(ConfigError, match="backbone='vgg': expected one of resnet50, resnet50_he2016, small"):
        build("vgg")
