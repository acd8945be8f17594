import torch
from torchvision.ops import roi_align

from actret_core.models.recognition.fast_rcnn import FastRcnn, FastRcnnConfig


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


def test_parameters_by_formula() -> None:
    config = FastRcnnConfig(classes=3, backbone="small", image_size=32, channels=24, roi_size=5, hidden=16)
    model = FastRcnn(config)
    pyramid = (96 * 24 + 24) + (9 * 24 * 24 + 24)
    head = (25 * 24 * 16 + 16) + (16 * 16 + 16) + (16 * 3 + 3)
    backbone = sum(p.numel() for p in model.backbone.parameters())
    assert sum(p.numel() for p in model.parameters()) == backbone + pyramid + head
