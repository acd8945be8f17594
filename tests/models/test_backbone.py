from itertools import pairwise

import pytest
import torch

from actret_core.errors import ConfigError
from actret_core.models.backbone import ResNetBackbone, SmallBackbone, build_backbone
from actret_core.models.config import BACKBONES

STRIDES = {"resnet50": 32, "resnet50_he2016": 32, "small": 8}


@pytest.mark.parametrize("name", BACKBONES)
def test_the_map_has_dim_channels_and_the_stride_of_the_docstring(name: str) -> None:
    with torch.device("meta"):  # shapes without arithmetic
        backbone, image = build_backbone(name), torch.empty(2, 3, 96, 64)
    stride = STRIDES[name]
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
