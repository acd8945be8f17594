import pytest
import torch

from actret_core.models.pooling import pool_cells
from actret_core.models.recognition.whole_image import WholeImage, WholeImageConfig


@pytest.mark.parametrize(("pooling", "expected"), [("avg", [2.5, 0.0]), ("max", [4.0, 6.0])])
def test_cells_become_one_vector(pooling: str, expected: list[float]) -> None:
    cells = torch.tensor([[[[1.0, 2], [3, 4]], [[-6, 0], [0, 6]]]])
    assert pool_cells(cells, pooling).tolist() == [expected]


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_the_embedding_is_the_pooled_map_and_the_logits_are_linear_in_it(pooling: str) -> None:
    model = WholeImage(WholeImageConfig(classes=3, backbone="small", image_size=32, pooling=pooling)).eval()
    image = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        cells, output = model.backbone(image).flatten(2), model(image)   # [2, 96, 16]
    expected = cells.mean(2) if pooling == "avg" else cells.max(2).values
    torch.testing.assert_close(output.embedding, expected)
    weight, bias = model.classifier.weight.tolist(), model.classifier.bias.tolist()
    by_hand = [
        [sum(w * v for w, v in zip(row, x, strict=True)) + b for row, b in zip(weight, bias, strict=True)]
        for x in expected.tolist()
    ]
    torch.testing.assert_close(output.logits, torch.tensor(by_hand))
