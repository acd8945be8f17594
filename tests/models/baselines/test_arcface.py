import math

import pytest
import torch

from actret_core.models.baselines.arcface import ArcFace, action_shares

MARGIN, SCALE = 0.1, 10.0
# the cosines of the embedding (3, 4) with the weights (2, 0) and (0, 5) are 0.6 and 0.8; each angle's cosine with the
# margin by the addition theorem, whose sines are 0.8 and 0.6
WITH_MARGIN = (0.6 * math.cos(0.1) - 0.8 * math.sin(0.1), 0.8 * math.cos(0.1) - 0.6 * math.sin(0.1))
COSTS = (
    -math.log(math.exp(10 * WITH_MARGIN[0]) / (math.exp(10 * WITH_MARGIN[0]) + math.exp(8))),
    -math.log(math.exp(10 * WITH_MARGIN[1]) / (math.exp(10 * WITH_MARGIN[1]) + math.exp(6))),
)
EMBEDDING = torch.tensor([[3.0, 4.0]])


@pytest.fixture
def arcface() -> ArcFace:
    module = ArcFace(2, 2, MARGIN, SCALE)
    module.loss.W.data = torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    return module


def test_logits_are_scaled_cosines_without_a_margin(arcface: ArcFace) -> None:
    assert arcface.logits(EMBEDDING)[0].tolist() == pytest.approx([6.0, 8.0])


def test_the_hand_s_own_numbers() -> None:
    assert COSTS == pytest.approx((2.88606, 0.22825), abs=1e-5)


@pytest.mark.parametrize(
    ("target", "cost"),
    [
        ([1.0, 0.0], COSTS[0]),
        ([0.0, 1.0], COSTS[1]),
        ([0.7, 0.3], 0.7 * COSTS[0] + 0.3 * COSTS[1]),
        ([1.0, 1.0], (COSTS[0] + COSTS[1]) / 2),
        ([0.0, 0.0], 0.0),
    ],
    ids=["first", "second", "mixed up", "both", "none"],
)
def test_the_loss_by_hand(arcface: ArcFace, target: list[float], cost: float) -> None:
    assert arcface(EMBEDDING, torch.tensor([target])).item() == pytest.approx(cost, abs=1e-5)


def test_a_batch_is_averaged_over_all_its_rows(arcface: ArcFace) -> None:
    target = torch.tensor([[1.0, 0], [0, 1], [0, 0]])
    assert arcface(EMBEDDING.expand(3, 2), target).item() == pytest.approx(sum(COSTS) / 3, abs=1e-5)


def test_the_margin_is_in_radians(arcface: ArcFace) -> None:
    assert arcface.loss.margin == pytest.approx(MARGIN)


def test_without_any_action_the_gradient_is_zero(arcface: ArcFace) -> None:
    embedding = EMBEDDING.clone().requires_grad_()
    arcface(embedding, torch.zeros(1, 2)).backward()
    assert embedding.grad.tolist() == [[0, 0]]


def test_half_precision_does_not_reach_the_angle(arcface: ArcFace) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert arcface.logits(EMBEDDING.bfloat16()).dtype == torch.float32
        assert arcface(EMBEDDING, torch.tensor([[1.0, 0]])).item() == pytest.approx(COSTS[0], abs=1e-5)


def test_shares() -> None:
    shares = action_shares(torch.tensor([[0.0, 1, 0], [1, 1, 0], [0, 0, 0], [0.2, 0.8, 0]]))
    torch.testing.assert_close(shares, torch.tensor([[0.0, 1, 0], [0.5, 0.5, 0], [0, 0, 0], [0.2, 0.8, 0]]))
