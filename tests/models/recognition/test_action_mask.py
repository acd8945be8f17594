import pytest
import torch
from torch import nn

from actret_core.models.recognition.action_mask import ActionMask, ActionMaskConfig, cell_coverage, noisy_or


def test_coverage_is_the_share_of_a_cell_under_a_box() -> None:
    """Two by three cells of an image of 12 pixels: 4 wide, 6 high."""
    boxes = torch.tensor([[[0.0, 0, 12, 12], [4, 0, 8, 6], [2, 3, 5, 12], [0, 0, 0, 0]]])
    expected = [
        [[1, 1, 1], [1, 1, 1]],
        [[0, 1, 0], [0, 0, 0]],
        [[0.25, 0.125, 0], [0.5, 0.25, 0]],
        [[0, 0, 0], [0, 0, 0]],
    ]
    torch.testing.assert_close(cell_coverage(boxes, 12, 2, 3), torch.tensor([expected], dtype=torch.float32))


def test_a_cell_is_background_as_far_as_every_box_leaves_it() -> None:
    coverage = torch.tensor([[[[1.0, 0.5, 0]], [[1, 1, 0]]]])            # two boxes over three cells
    found = noisy_or(torch.tensor([[0.5, 0.2]]), coverage)
    torch.testing.assert_close(found, torch.tensor([[[1 - 0.5 * 0.8, 1 - 0.75 * 0.8, 0]]]))
    assert noisy_or(torch.tensor([[1.0, 0.2]]), coverage)[0, 0, 0] == 1


@pytest.fixture
def model() -> ActionMask:
    """Without a backbone: the image is its own map, of one channel."""
    model = ActionMask(ActionMaskConfig(classes=3, backbone="small", image_size=8, k=1, roi_size=1)).eval()
    model.backbone, model.evidence, model.classifier = nn.Identity(), nn.Linear(1, 1), nn.Linear(1, 3)
    return model


def test_only_the_foreground_is_averaged(model: ActionMask) -> None:
    """A map of 2 by 2 cells of 4 pixels; person over the left column, region over the lower row."""
    nn.init.zeros_(model.evidence.weight), nn.init.zeros_(model.evidence.bias)
    image = torch.tensor([[[[1.0, 100], [2, 3]]]])
    person, region = torch.tensor([[0.0, 0, 4, 8]]), torch.tensor([[[0.0, 4, 8, 8]]])
    both, alone = torch.tensor([[True]]), torch.tensor([[False]])
    mask = model.foreground(image, person, region, both)
    assert mask.tolist() == [[[0.5, 0], [0.75, 0.5]]]                    # evidence 1/2 each, 1 - 1/2 * 1/2 for both
    weighted = (1 * 0.5 + 2 * 0.75 + 3 * 0.5) / 1.75
    torch.testing.assert_close(model(image, person, region, both).embedding, torch.tensor([[weighted]]))
    torch.testing.assert_close(model(image, person, region, alone).embedding, torch.tensor([[1.5]]))


def test_a_box_with_more_evidence_weighs_more(model: ActionMask) -> None:
    """Evidence is judged by what a box shows: here the brighter, the more."""
    nn.init.ones_(model.evidence.weight), nn.init.zeros_(model.evidence.bias)
    image = torch.tensor([[[[0.0, 0], [5, 5]]]])
    person, region = torch.tensor([[0.0, 0, 8, 2]]), torch.tensor([[[0.0, 6, 8, 8]]])
    mask = model.foreground(image, person, region, torch.tensor([[True]]))
    expected = [0.5 * torch.sigmoid(torch.tensor(v)).item() for v in (0.0, 5.0)]
    torch.testing.assert_close(mask[0], torch.tensor(expected)[:, None].expand(2, 2))


def test_all_boxes_count_alike_at_first() -> None:
    model = ActionMask(ActionMaskConfig(classes=3, backbone="small", image_size=32, k=2)).eval()
    person = torch.tensor([[0.0, 0, 8, 8]])
    regions = torch.tensor([[[8.0, 8, 16, 16], [24, 24, 32, 32]]])
    mask = model.foreground(torch.randn(1, 96, 4, 4), person, regions, torch.ones(1, 2, dtype=torch.bool))
    assert mask[0].nonzero().tolist() == [[0, 0], [1, 1], [3, 3]] and set(mask[mask > 0].tolist()) == {0.5}
