from pathlib import Path

import pytest
import torch
from torch import Tensor

from actret_core.data.sample import ActionSample, ActionSplit
from actret_core.errors import ConfigError, ProposalError
from actret_core.regions.proposals import ProposalSet
from actret_core.regions.ranking import rank_split, select_context


def iou(a: list[float], b: list[float]) -> float:
    width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def random_boxes(n: int, seed: int) -> Tensor:
    corners = torch.randint(0, 30, (n, 4), generator=torch.Generator().manual_seed(seed)).float()
    corners[:, 2:] += corners[:, :2] + 1
    return corners


@pytest.mark.parametrize("seed", range(25))
def test_eq_2_against_a_loop(seed: int) -> None:
    boxes, person = random_boxes(40, seed), random_boxes(1, seed + 1000)[0]
    scores = torch.rand(40, generator=torch.Generator().manual_seed(seed))
    sure = [i for i in range(40) if scores[i] >= 0.3]
    ranked = sorted(sure, key=lambda i: -iou(person.tolist(), boxes[i].tolist()))  # stable, as ours
    assert select_context(boxes, scores, person, 10, 0.3).tolist() == ranked[:10]


PERSON = torch.tensor([0.0, 0, 10, 10])
BOXES = torch.tensor([[0.0, 0, 10, 5], [20, 20, 30, 30], [0, 0, 10, 10], [0, 5, 10, 10], [0, 0, 10, 9]])
SCORES = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.1])


def test_order_ties_and_boxes_that_do_not_touch() -> None:
    assert select_context(BOXES, SCORES, PERSON, 10, 0.0).tolist() == [2, 4, 0, 3, 1]  # 0 and 3 tie at 0.5
    assert select_context(BOXES, SCORES, PERSON, 2, 0.0).tolist() == [2, 4]


def test_threshold_of_confidence_is_inclusive() -> None:
    assert select_context(BOXES, SCORES, PERSON, 10, 0.7).tolist() == [2, 0, 1]
    assert select_context(BOXES, SCORES, PERSON, 10, 0.95).tolist() == []


def test_the_person_once_more_can_be_dropped() -> None:
    assert select_context(BOXES, SCORES, PERSON, 10, 0.0, max_iou=0.9).tolist() == [4, 0, 3, 1]
    assert select_context(BOXES, SCORES, PERSON, 10, 0.0, max_iou=0.7).tolist() == [0, 3, 1]


def test_none_and_one_proposal() -> None:
    assert select_context(torch.zeros(0, 4), torch.zeros(0), PERSON, 10, 0.0).shape == (0,)
    assert select_context(BOXES[:1], SCORES[:1], PERSON, 10, 0.0).tolist() == [0]


def test_k_of_zero() -> None:
    with pytest.raises(ConfigError, match="k=0: expected at least one contextual region"):
        select_context(BOXES, SCORES, PERSON, 0, 0.0)


def split() -> ActionSplit:
    image = Path("JPEGImages/a.jpg")
    persons = [(0.0, 0.0, 10.0, 10.0), (20.0, 20.0, 30.0, 30.0)]
    samples = [ActionSample(f"a#{i}", image, (40, 30), box, (0,)) for i, box in enumerate(persons)]
    return ActionSplit("voc2012", "val", ("running",), tuple(samples))


def proposals(boxes: Tensor) -> dict[str, ProposalSet]:
    return {"a.jpg": ProposalSet(boxes, torch.ones(len(boxes)), torch.ones(len(boxes), dtype=torch.int64))}


def test_every_person_of_a_photograph_gets_its_own_regions() -> None:
    context = rank_split(split(), proposals(BOXES), 2, 0.05)
    assert context["a#0"].tolist() == BOXES[[2, 4]].tolist()
    assert context["a#1"].tolist() == BOXES[[1, 0]].tolist()


def test_boxes_are_cut_to_the_image_before_they_are_compared() -> None:
    context = rank_split(split(), proposals(torch.tensor([[-5.0, -5, 10, 10], [20, 10, 45, 35]])), 2, 0.05)
    assert context["a#0"].tolist() == [[0, 0, 10, 10], [20, 10, 40, 30]]


def test_an_image_without_proposals_has_no_regions() -> None:
    assert rank_split(split(), proposals(torch.zeros(0, 4)), 5, 0.05)["a#0"].shape == (0, 4)


def test_proposals_for_other_images_or_sizes_are_errors() -> None:
    with pytest.raises(ProposalError, match="no entry for a.jpg"):
        rank_split(split(), {"b.jpg": proposals(BOXES)["a.jpg"]}, 5, 0.05)
    for outside in ([50.0, 5, 60, 10], [5.0, 31, 10, 40], [-9.0, 5, -1, 10]):
        with pytest.raises(ProposalError, match=r"a.jpg: a proposal leaves its \(40, 30\) pixels"):
            rank_split(split(), proposals(torch.tensor([outside])), 5, 0.05)


def test_corners_read_as_width_and_height_are_refused() -> None:
    corners = torch.tensor([[20.0, 2, 30, 12], [10, 10, 38, 29], [25, 15, 40, 30]])
    as_read = torch.cat([corners[:, :2], corners[:, :2] + corners[:, 2:]], dim=1)
    with pytest.raises(ProposalError, match=r"100% of the boxes leave their images: they look like \[x0, y0, x1, y1\]"):
        rank_split(split(), proposals(as_read), 5, 0.05)
