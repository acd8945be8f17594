import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from actret_core.text.config import SpaceConfig
from actret_core.text.losses import CrossModalTriplets, join, sample_triplets

CONFIG = SpaceConfig(visual_dim=4, words=70, margin=0.3, tt=0.1, tv=1.0, vt=2.0, vv=0.5, triplets=400)


@pytest.fixture
def batch() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    text, visual = (F.normalize(torch.randn(7, 5)) for _ in range(2))
    return text, visual, torch.tensor([0, 0, 1, 1, 2, -1, 0])


def _naive(anchors: Tensor, others: Tensor, labels: Tensor, margin: float, within: bool) -> float:
    """The mean over anchors of the mean over all triplets of each: what random draws tend to."""
    means = []
    for a, label in enumerate(labels.tolist()):
        positives = [p for p, other in enumerate(labels.tolist()) if other == label >= 0 and not (within and a == p)]
        negatives = [n for n, other in enumerate(labels.tolist()) if other != label and min(other, label) >= 0]
        losses = [
            max(0.0, margin + float((anchors[a] - others[p]).square().sum() - (anchors[a] - others[n]).square().sum()))
            for p in positives for n in negatives
        ]
        means += [sum(losses) / len(losses)] if losses else []
    return sum(means) / len(means)


def test_loss_equals_the_loop_over_all_triplets(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    text, visual, labels = batch
    sides = {"tt": (text, text), "tv": (text, visual), "vt": (visual, text), "vv": (visual, visual)}
    expected = sum(
        getattr(CONFIG, name) * _naive(*pair, labels, 0.3, name[0] == name[1]) for name, pair in sides.items()
    )
    drawn = torch.stack([CrossModalTriplets(CONFIG)(*batch) for _ in range(20)]).mean()
    assert drawn.item() == pytest.approx(expected, rel=0.02)


def test_drawn_triplets(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    labels = batch[2][[0, 1, 2, 3, 4, 6]]
    for within in (True, False):
        a, p, n = sample_triplets(labels, 50, within)
        assert (labels[a] == labels[p]).all() and (labels[a] != labels[n]).all()
        assert (a == p).any().item() is not within
        lonely = {4} if within else set()
        assert set(a.tolist()) == set(range(6)) - lonely, "alone with its label it has no positive of its own modality"
        assert len(a) == 50 * len(set(a.tolist()))
    assert {n for a, n in zip(*(t.tolist() for t in sample_triplets(labels, 50, False)[::2])) if a == 0} == {2, 3, 4}


@pytest.mark.parametrize("labels", [[0, 0, 0], [-1, -1, -1], [0, -1, -1]])
def test_without_triplets_the_loss_is_zero_and_can_be_derived(labels: list[int]) -> None:
    text = torch.eye(3, requires_grad=True)
    loss = CrossModalTriplets(CONFIG)(text, torch.eye(3), torch.tensor(labels))
    loss.backward()
    assert loss.item() == 0 and text.grad is not None


def test_what_lies_apart_by_the_margin_costs_nothing() -> None:
    points = torch.eye(3)[[0, 0, 1, 1]]
    assert CrossModalTriplets(CONFIG)(points, points, torch.tensor([0, 0, 1, 1])).item() == 0
    assert CrossModalTriplets(CONFIG)(points, points, torch.tensor([0, 1, 0, 1])).item() > 1


def test_a_weight_of_zero_turns_a_loss_off(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    only = SpaceConfig(visual_dim=4, words=70, margin=0.3, tt=0, tv=1, vt=0, vv=0, triplets=400)
    assert CrossModalTriplets(only)(*batch).item() == pytest.approx(_naive(*batch[:2], batch[2], 0.3, False), rel=0.1)


def test_join() -> None:
    found = join(torch.tensor([[3.0, 0], [0, 0]]), torch.tensor([[0, 4.0], [0, 0]]))
    torch.testing.assert_close(found, torch.tensor([[0.6, 0, 0, 0.8], [0, 0, 0, 0]]))
