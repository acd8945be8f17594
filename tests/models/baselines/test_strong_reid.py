import math
import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from actret_core.errors import ConfigError
from actret_core.models.backbone import build_backbone
from actret_core.models.baselines.strong_reid import (
    CenterLoss, StrongOutput, StrongReid, StrongReidConfig, crop_person,
)

LABELS = torch.tensor([0, 0, 1, 1])


@pytest.fixture
def model(strong_config: StrongReidConfig) -> StrongReid:
    torch.manual_seed(0)
    return StrongReid(strong_config)


def triplet_loss(model: StrongReid, feature: list[list[float]]) -> float:
    feature = torch.tensor(feature, dtype=torch.float32)
    return float(model.triplets(feature, LABELS, model.miner(feature, LABELS)))


def test_batch_hard_triplets_by_hand(model: StrongReid) -> None:
    """(0,0) and (3,4) are 5 apart, (6,8) and (0,1) root 85; unnormalized, so (3,4) and (6,8) are not the same.

    The nearest of the other action is at 1, root 18, 5 and 1.
    """
    far = math.sqrt(85)
    by_anchor = [5 - 1 + 0.3, 5 - math.sqrt(18) + 0.3, far - 5 + 0.3, far - 1 + 0.3]
    found = triplet_loss(model, [[0, 0], [3, 4], [6, 8], [0, 1]])
    assert found == pytest.approx(sum(by_anchor) / 4, abs=1e-4)


def test_triplets_that_cost_nothing_count_in_the_mean(model: StrongReid) -> None:
    """On a line at 0, 1, 2, 2.1: only the second is as near to the other action as to its own."""
    assert triplet_loss(model, [[0.0], [1], [2], [2.1]]) == pytest.approx(0.3 / 4, abs=1e-5)


def test_no_triplet_at_all(model: StrongReid) -> None:
    feature = torch.randn(3, 5, requires_grad=True)
    for label in (torch.zeros(3, dtype=torch.long), torch.arange(3)):    # no negative; no positive
        assert model.triplets(feature, label, model.miner(feature, label)).item() == 0


def test_the_center_loss_by_hand() -> None:
    """Distances squared 1 + 4 and 9 + 16 over two samples."""
    centers = CenterLoss(3, 2, lr=0.5).eval()
    centers.centers = torch.tensor([[0.0, 0], [1, 1], [9, 9]])
    feature = torch.tensor([[1.0, 2], [4, 5]])
    assert centers(feature, torch.tensor([0, 1])).item() == pytest.approx((5 + 25) / 2)
    assert centers.centers.tolist() == [[0, 0], [1, 1], [9, 9]], "in evaluation they stay"


def test_the_centers_move_as_by_sgd() -> None:
    """The authors' optimizer of the centers, in its own words; an action without a sample stays."""
    feature, label = torch.randn(6, 4), torch.tensor([0, 0, 0, 2, 2, 0])
    centers = CenterLoss(4, 4, lr=0.5).train()
    theirs = nn.Parameter(centers.centers.clone())
    (sum((x - theirs[c]).square().sum() for x, c in zip(feature, label, strict=True)) / 6).backward()
    torch.optim.SGD([theirs], lr=0.5).step()
    before = centers.centers.clone()
    centers(feature, label)
    torch.testing.assert_close(centers.centers, theirs.detach())
    assert torch.equal(centers.centers[[1, 3]], before[[1, 3]])


def smoothed_entropy(logits: list[float], label: int, smoothing: float) -> float:
    log_z = math.log(sum(math.exp(v) for v in logits))
    shares = [(1 - smoothing) * (i == label) + smoothing / len(logits) for i in range(len(logits))]
    return sum(p * (log_z - v) for p, v in zip(shares, logits, strict=True))


LOGITS = [[2.0, 0, -1], [0.5, 0.5, 3], [0, 1, 0], [1, 2, 3]]
FEATURE = [[0.0, 0], [3, 4], [6, 8], [0, 1]]


def padded(feature: list[list[float]]) -> Tensor:
    """To the 96 channels of the small backbone."""
    return nn.functional.pad(torch.tensor(feature, dtype=torch.float32), (0, 94))


def test_the_sum_of_all_three(model: StrongReid) -> None:
    model.eval()
    model.centers.centers = torch.zeros(3, 96)
    output = StrongOutput(padded(FEATURE), torch.tensor(LOGITS), padded(FEATURE))
    entropy = sum(smoothed_entropy(row, c, 0.1) for row, c in zip(LOGITS, LABELS.tolist(), strict=True)) / 4
    centers = (0 + 25 + 100 + 1) / 4
    expected = entropy + triplet_loss(model, FEATURE) + 0.0005 * centers
    assert model.loss(output, torch.eye(3)[LABELS]).item() == pytest.approx(expected, abs=1e-4)


def test_a_person_of_no_action_is_left_out(model: StrongReid) -> None:
    model.eval()
    target = torch.eye(3)[LABELS]
    three = StrongOutput(*(x[:3] for x in (padded(FEATURE), torch.tensor(LOGITS), padded(FEATURE))))
    four = StrongOutput(padded(FEATURE), torch.tensor(LOGITS), padded(FEATURE))
    left_out = torch.cat([target[:3], torch.zeros(1, 3)])
    torch.testing.assert_close(model.loss(four, left_out), model.loss(three, target[:3]))
    assert model.loss(four, torch.zeros(4, 3)).item() == 0


def test_a_mixed_up_image_counts_under_its_larger_share(model: StrongReid) -> None:
    model.eval()
    output = StrongOutput(padded(FEATURE), torch.zeros(4, 3), padded(FEATURE))    # uniform: costs log 3 in any mix
    target = torch.eye(3)[LABELS]
    mixed = 0.7 * target + 0.3 * target.roll(1, 0)
    torch.testing.assert_close(model.loss(output, mixed), model.loss(output, target))


def test_the_neck(model: StrongReid, image: Tensor) -> None:
    """GAP, then a batch norm whose bias does not learn, then a classifier without one; losses before, search after."""
    output = model.eval()(image)
    feature_map = model.backbone(image)
    torch.testing.assert_close(output.feature, feature_map.flatten(2).mean(2))
    torch.testing.assert_close(output.embedding, model.neck(output.feature))
    torch.testing.assert_close(output.logits, output.embedding @ model.classifier.weight.T)
    assert not model.neck.bias.requires_grad and not model.neck.bias.any() and model.classifier.bias is None


@pytest.mark.parametrize("name", ["resnet50", "resnet50_he2016"])
def test_the_last_stride_widens_the_map_and_takes_the_same_weights(name: str) -> None:
    with torch.device("meta"):
        wide, narrow, picture = build_backbone(name, 1), build_backbone(name), torch.empty(1, 3, 224, 224)
    assert wide(picture).shape == (1, 2048, 14, 14) and narrow(picture).shape == (1, 2048, 7, 7)
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for net in (wide, narrow)]
    assert shapes[0] == shapes[1]
    strides = [module.stride for module in wide.layers[3].modules() if isinstance(module, nn.Conv2d)]
    assert set(strides) == {(1, 1)}


def test_the_last_stride_changes_no_small_backbone_and_is_checked() -> None:
    with torch.device("meta"):
        assert build_backbone("small", 1)(torch.empty(1, 3, 64, 64)).shape == (1, 96, 8, 8)
    with pytest.raises(ConfigError, match="last_stride=3: expected 1 or 2"):
        build_backbone("resnet50", 3)


def test_its_size_at_224() -> None:
    model = StrongReid(StrongReidConfig()).eval()
    with torch.inference_mode():
        output = model(torch.randn(2, 3, 224, 224))
    assert output.embedding.shape == output.feature.shape == (2, 2048) and output.logits.shape == (2, 40)
    assert sum(p.numel() for p in model.parameters()) == 23_508_032 + 2 * 2048 + 40 * 2048
    assert model.centers.centers.shape == (40, 2048)


def test_a_crop_is_the_box_stretched_to_the_square() -> None:
    """Brightness rises by one a pixel to the right: pixel i of the crop shows x = 8 + (i + 1/2) / 2 - 1/2."""
    ramp = torch.arange(32.0).expand(1, 3, 32, 32)
    crop = crop_person(ramp, torch.tensor([[8.0, 4, 24, 28]]))
    expected = 8 + (torch.arange(32) + 0.5) / 2 - 0.5
    torch.testing.assert_close(crop, expected.expand(1, 3, 32, 32))


def test_every_image_is_cropped_by_its_own_box(image: Tensor, person: Tensor) -> None:
    together = crop_person(image, person)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], crop_person(image[i : i + 1], person[i : i + 1]))


def test_the_cropped_model_sees_nothing_but_the_person(
    strong_config: StrongReidConfig, image: Tensor, person: Tensor
) -> None:
    torch.manual_seed(0)
    model = StrongReid(replace(strong_config, crop=True)).eval()
    assert model.inputs == ("image", "person") and StrongReid(strong_config).inputs == ("image",)
    blank = torch.zeros_like(image)
    for picture, source, box in zip(blank, image, person.int().tolist(), strict=True):
        x0, y0, x1, y1 = max(box[0] - 1, 0), max(box[1] - 1, 0), box[2] + 1, box[3] + 1
        picture[:, y0:y1, x0:x1] = source[:, y0:y1, x0:x1]
    seen = model(image, person).embedding
    torch.testing.assert_close(model(blank, person).embedding, seen, rtol=1e-3, atol=1e-8)
    assert not torch.allclose(model(image, person.flip(0)).embedding, seen, rtol=0.1, atol=1e-8)


@pytest.mark.parametrize(
    ("field", "value"),
    [("last_stride", 4), ("smoothing", 1.0), ("margin", -1), ("center_weight", -1), ("center_lr", -1)],
)
def test_a_bad_value_names_its_field(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{field}={value!r}: expected")):
        StrongReidConfig(**{field: value})
