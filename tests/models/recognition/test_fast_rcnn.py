import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights, fasterrcnn_resnet50_fpn
from torchvision.ops import roi_align

from actret_core.errors import CheckpointError, ConfigError, DownloadError
from actret_core.models.recognition.fast_rcnn import COCO, FastRcnn, FastRcnnConfig, load_coco


@pytest.fixture(scope="module")
def detector() -> nn.Module:
    """torchvision's Faster R-CNN; its frozen batch norms do something, and have the epsilon of the COCO weights."""
    torch.manual_seed(0)
    model = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1), module.running_var.uniform_(0.5, 1.5)
            module.eps = 0.0
    return model


@pytest.fixture(scope="module")
def state(detector: nn.Module) -> dict[str, Tensor]:
    return detector.state_dict()


@pytest.fixture(scope="module")
def coco() -> FastRcnn:
    return FastRcnn(FastRcnnConfig(classes=3, image_size=64, pretrained="coco")).eval()


def test_the_box_head_sees_the_person_alone() -> None:
    """One level: RoI Align of the pyramid's map, two layers with ReLU, and the classifier."""
    config = FastRcnnConfig(classes=3, backbone="small", image_size=32, channels=24, hidden=16)
    model = FastRcnn(config).eval()
    image, person = torch.randn(2, 3, 32, 32), torch.tensor([[2.0, 3, 20, 30], [0, 0, 9, 9]])
    inner, layer = model.fpn.inner_blocks[0], model.fpn.layer_blocks[0]
    level = layer(inner(model.backbone(image)))                          # [2, 24, 4, 4]
    cells = roi_align(level, [box[None] for box in person], 7, 4 / 32, sampling_ratio=2)
    assert level.shape == (2, 24, 4, 4)
    hidden = model.box_head.fc6(cells.flatten(1)).relu()
    expected = model.box_head.fc7(hidden).relu()
    output = model(image, person)
    torch.testing.assert_close(output.embedding, expected)
    torch.testing.assert_close(output.logits, model.classifier(expected))


def test_a_detector_s_weights_give_the_detector_s_features(
    tmp_path: Path, detector: nn.Module, coco: FastRcnn, state: dict[str, Tensor]
) -> None:
    save_file(state, tmp_path / "detector.safetensors")
    load_coco(coco, tmp_path / "detector.safetensors")
    image, person = torch.randn(2, 3, 64, 64), torch.tensor([[2.0, 3, 40, 60], [0, 0, 9, 9]])
    with torch.inference_mode():
        maps, boxes = detector.backbone(image), list(person[:, None])
        heads = detector.roi_heads
        expected = heads.box_head(heads.box_roi_pool(maps, boxes, [(64, 64)] * 2))
        found = coco(image, person).embedding
    # constants instead of batch norms: the same function, rounded in other places
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    assert expected.std() > 0


def test_a_gradient_reaches_every_trained_parameter(coco: FastRcnn) -> None:
    """The person's size chooses the level; conv1 and layer1 stay what detection has learned."""
    coco.pool.canonical_scale = 32  # four levels in an image of 64 pixels
    coco.pool.scales = coco.pool.map_levels = None
    person = torch.tensor([[0.0, 0, side, side] for side in (8, 20, 40, 64)])
    coco(torch.randn(4, 3, 64, 64), person).logits.square().sum().backward()
    coco.pool.canonical_scale = 224
    coco.pool.scales = coco.pool.map_levels = None
    trained = {n: p for n, p in coco.named_parameters() if p.requires_grad}
    assert not [n for n, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    frozen = {n.split(".")[1] for n, p in coco.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "layer1"}
    coco.zero_grad()


def test_parameters_by_formula(coco: FastRcnn) -> None:
    """ResNet-50 whose batch norms are constants: 53 convolutions keep 23,454,912 weights."""
    pyramid = sum(c * 256 + 256 + 9 * 256**2 + 256 for c in (256, 512, 1024, 2048))
    head = 49 * 256 * 1024 + 1024 + 1024**2 + 1024 + 1024 * 3 + 3
    assert sum(p.numel() for p in coco.parameters()) == 23_454_912 + pyramid + head


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: {k: v for k, v in s.items() if "fc6" not in k}, r"lacks \['fc6.weight', 'fc6.bias'\]"),
        (lambda s: {k: v for k, v in s.items() if "fpn" not in k}, r"lacks \['inner_blocks"),
        (lambda s: s | {"backbone.body.fc.weight": torch.zeros(2)}, r"unknown \['fc.weight'\]"),
        (lambda s: s | {"roi_heads.box_head.fc7.bias": torch.zeros(2)}, "size mismatch for fc7.bias"),
        (lambda s: {}, "lacks"),
    ],
)
def test_weights_of_another_detector_are_refused(
    monkeypatch: pytest.MonkeyPatch, coco: FastRcnn, state: dict[str, Tensor], damage, message: str
) -> None:
    monkeypatch.setattr(FasterRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda *_, **__: damage(state))
    with pytest.raises(CheckpointError, match=f"{COCO}: not weights of .*{message}"):
        load_coco(coco)


def test_without_a_network_the_error_says_so(monkeypatch: pytest.MonkeyPatch, coco: FastRcnn) -> None:
    def refuse(*_, **__) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(FasterRCNN_ResNet50_FPN_Weights, "get_state_dict", refuse)
    with pytest.raises(DownloadError, match=f"{COCO}: cannot be fetched .no route to host"):
        load_coco(coco)


def test_a_model_of_the_imagenet_kind_takes_no_detector(state: dict[str, Tensor]) -> None:
    model = FastRcnn(FastRcnnConfig(classes=3, backbone="small", image_size=32, hidden=16))
    with pytest.raises(ConfigError, match="pretrained='imagenet': expected 'coco'"):
        load_coco(model)


@pytest.mark.parametrize(("field", "value"), [("backbone", "small"), ("channels", 64), ("roi_size", 5), ("hidden", 512)])
def test_what_the_coco_weights_fix(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        FastRcnnConfig(pretrained="coco", **{field: value})
