"""The playground's proposals: noisy as a detector's, reproducible, and valid."""

from functools import cache

import pytest
from torch import tensor
from torchvision.ops import box_iou

from actret_core.data.playground.detector_noise import FEWEST, MOST, PERSON, Detection, detect
from actret_core.data.playground.scenes import Picture, compose, render


@cache
def picture_and_proposals(index: int) -> tuple[Picture, list[Detection]]:
    scene = compose(0, index)
    picture = render(scene)
    return picture, detect(picture, scene.key)


def best_overlap(box: tuple[float, ...], found: list[Detection]) -> float:
    return box_iou(tensor([box]), tensor([d.box for d in found])).max().item() if found else 0.0


@pytest.mark.parametrize("index", range(48))
def test_proposals_are_valid(index: int) -> None:
    picture, found = picture_and_proposals(index)
    w, h = picture.image.size
    assert FEWEST <= len(found) <= MOST
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    for d in found:
        x1, y1, x2, y2 = d.box
        assert 0 <= x1 < x2 <= w and 0 <= y1 < y2 <= h and 0 < d.score < 1 and 1 <= d.category <= 90


def test_some_are_missed_and_none_is_exact() -> None:
    persons, things, exact = [], [], 0
    for picture, found in map(picture_and_proposals, range(48)):
        exact += sum(d.box in (*picture.persons, *(t.box for t in picture.things)) for d in found)
        persons += [best_overlap(box, [d for d in found if d.category == PERSON]) for box in picture.persons]
        for thing in picture.things:
            things.append(best_overlap(thing.box, [d for d in found if d.category == thing.category]))
    assert exact == 0
    assert 0.5 < sum(o > 0.6 for o in persons) / len(persons) < 0.9
    assert 0.6 < sum(o > 0.5 for o in things) / len(things) < 0.95


def test_the_dice_are_seeded() -> None:
    picture, found = picture_and_proposals(0)
    assert detect(picture, compose(0, 0).key) == found
    assert detect(picture, compose(1, 0).key) != found
