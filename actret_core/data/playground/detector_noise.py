"""A simulated detector: noisy proposals from the true boxes of a scene. The true boxes are not written to disk.

Like a real detector, it misses objects, finds them inexactly or twice, finds parts of persons, and sometimes reports an
object where there is none. Settings (mountains, a skyline) are not objects and are never found.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from actret_core.data.playground.pen import Box
from actret_core.data.playground.scenes import Picture

PERSON = 1
PERSON_MISS, OBJECT_MISS = 0.25, 0.12
UNION = 0.75  # probability that a person and a thing that touch are also found as one box
CONFUSED = 0.08  # probability that an object is found with a wrong category
JITTER = (0.08, 0.15)  # range of the maximal shift of an edge, as a fraction of the box's side
PARTS = ((0.0, 0.24, 0.25), (0.0, 0.55, 0.35), (0.5, 1.0, 0.2))  # head, upper body, legs: top, bottom, probability
FEWEST, MOST = 8, 25
WRONG = (15, 16, 18, 27, 31, 37, 44, 62, 64)  # categories of confusions and false alarms


@dataclass(frozen=True)
class Detection:
    """One proposal: COCO category; box, xyxy in pixels, inside the picture; score in (0, 1)."""

    category: int
    box: Box
    score: float


def detect(picture: Picture, key: str) -> list[Detection]:
    """8 to 25 noisy proposals for a picture, best score first; random numbers are seeded by `key`."""
    rng, size = Random(f"{key}-detector"), picture.image.size
    found = [*_persons(picture, rng), *_objects(picture, rng)]
    found += [_duplicate(d, size, rng) for d in found if rng.random() < 0.2]
    fewest = FEWEST + rng.randint(0, 3)
    found += [_false_alarm(size, rng) for _ in range(max(fewest - len(found), rng.randint(0, 3)))]
    return sorted(found, key=lambda d: -d.score)[:MOST]


def _persons(picture: Picture, rng: Random) -> Iterator[Detection]:
    """Persons, anchored or not, their parts, and boxes around a person and a thing together; some are missed."""
    size = picture.image.size
    for box in picture.persons:
        if rng.random() >= PERSON_MISS:
            yield _noisy(PERSON, box, size, rng, 0.95)
        for top, low, often in PARTS:
            if rng.random() < often:
                yield _noisy(PERSON, _slice(box, top, low), size, rng, 0.45)
        for thing in picture.things:
            if _near(box, thing.box) and rng.random() < UNION:
                yield _noisy(rng.choice((PERSON, thing.category)), _union(box, thing.box), size, rng, 0.5)


def _objects(picture: Picture, rng: Random) -> Iterator[Detection]:
    """Objects and clutter; some are missed, some found with a wrong category."""
    for thing in picture.things:
        if rng.random() >= OBJECT_MISS:
            category = rng.choice(WRONG) if rng.random() < CONFUSED else thing.category
            yield _noisy(category, thing.box, picture.image.size, rng, 0.9)


def _duplicate(detection: Detection, size: tuple[int, int], rng: Random) -> Detection:
    """A second, weaker proposal of the same object, as non-maximum suppression sometimes leaves."""
    return _noisy(detection.category, detection.box, size, rng, 0.6 * detection.score)


def _false_alarm(size: tuple[int, int], rng: Random) -> Detection:
    """A box around nothing, below the horizon, so that it does not show the cue of the setting."""
    w, h = size
    side, x, y = rng.uniform(0.08, 0.3) * h, rng.uniform(0.0, 0.9) * w, rng.uniform(0.6, 0.9) * h
    return _noisy(rng.choice(WRONG), (x, y, x + side * rng.uniform(0.6, 1.6), y + side), size, rng, 0.25)


def _noisy(category: int, box: Box, size: tuple[int, int], rng: Random, best: float) -> Detection:
    """A proposal for `box` with shifted edges; its score is at most `best`, and lower for larger shifts."""
    spread = rng.uniform(*JITTER)
    shifts = [rng.triangular(-1.0, 1.0, 0.0) for _ in range(4)]
    sides = (box[2] - box[0], box[3] - box[1]) * 2
    moved = [edge + shift * spread * side for edge, shift, side in zip(box, shifts, sides, strict=True)]
    quality = 1.0 - 2.0 * spread * sum(abs(s) for s in shifts) / 4 - rng.triangular(0.0, 0.5, 0.1)
    return Detection(category, _inside(moved, size), round(max(best * quality, 0.02), 4))


def _inside(box: list[float], size: tuple[int, int]) -> Box:
    """The box rounded to 0.1, clipped to the picture and at least two pixels wide and tall."""
    out = []
    for low, high, limit in zip(box[:2], box[2:], size, strict=True):
        low = min(max(round(low, 1), 0.0), limit - 2.0)
        out.append((low, max(min(round(high, 1), float(limit)), low + 2.0)))
    (x1, x2), (y1, y2) = out
    return x1, y1, x2, y2


def _slice(box: Box, top: float, low: float) -> Box:
    x1, y1, x2, y2 = box
    return x1, y1 + top * (y2 - y1), x2, y1 + low * (y2 - y1)


def _union(a: Box, b: Box) -> Box:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def _near(a: Box, b: Box) -> bool:
    """Whether two boxes touch or nearly do (6 pixels)."""
    return max(a[0], b[0]) <= min(a[2], b[2]) + 6 and max(a[1], b[1]) <= min(a[3], b[3]) + 6
