"""The seven poses, with random variations. Actions that share a pose differ in props or setting only."""

from dataclasses import fields, replace
from random import Random

from actret_core.data.playground import animals, objects
from actret_core.data.playground.figures import Pose
from actret_core.data.playground.pen import Point


def shift(point: Point, dx: float, dy: float) -> Point:
    """`point` moved by (dx, dy)."""
    return point[0] + dx, point[1] + dy


def _upright(rng: Random, near: Point, far: Point, stride: float) -> Pose:
    """Standing or walking with a stride of 0 to 12 units; `near` and `far` are the hands."""
    lean, step = rng.uniform(0.0, 2.0), stride * rng.choice((-1.0, 1.0))
    feet = ((step - 0.5, 4.0), (2.5 - step, 4.0))
    hip = (0.0, 49.0 - stride * 0.2)
    return Pose(hip, (hip[0] + lean, hip[1] + 31.0), (hip[0] + lean + 2.0, hip[1] + 41.5), near, far, *feet)


def hand_at_head(rng: Random) -> Pose:
    """Stands with a hand at the jaw: the pose of drinking, phoning and brushing teeth."""
    pose = _upright(rng, (0.0, 0.0), (rng.uniform(-1.0, 7.0), rng.uniform(44.0, 50.0)), rng.uniform(0.5, 3.5))
    return replace(pose, hand_near=shift(pose.head, 11.0, -8.0))


def arm_forward(rng: Random) -> Pose:
    """Walks with an arm stretched forward: the pose of walking a dog and flying a kite."""
    return _upright(rng, (28.0, rng.uniform(62.0, 68.0)), (rng.uniform(-10.0, -2.0), 48.0),
                    rng.uniform(4.0, 10.0))


def walking(rng: Random) -> Pose:
    """Walks with swinging arms: the pose of the three actions that differ in the setting only."""
    swing = rng.uniform(6.0, 11.0)
    return _upright(rng, (-swing, 49.0), (swing + 3.0, 51.0), rng.uniform(7.0, 11.0))


def on_bike(rng: Random) -> Pose:
    """Sits on a bike whose wheels stand on the ground."""
    lean = rng.uniform(10.0, 17.0)
    feet = [(0.0, 15.0), (-4.0, 30.0)]
    rng.shuffle(feet)
    return Pose((-10.0, 56.0), (lean - 10.0, 84.5), (lean - 5.0, 95.0), shift(objects.HANDLEBAR, 1.0, 0.5),
                shift(objects.HANDLEBAR, 2.0, 0.0), feet[0], feet[1])


def beside_bike(rng: Random) -> Pose:
    """Squats behind a bike that stands at x = 20, a hand at its rear wheel."""
    bow = rng.uniform(-2.0, 3.0)
    return Pose((-37.0, 21.0), (bow - 25.0, 49.0 - bow), (bow - 18.5, 60.0 - bow), (-8.0, 27.0), (-3.0, 34.0),
                (-27.0, 4.0), (-34.0, 4.0))


def on_horse(rng: Random) -> Pose:
    """Sits on a horse at the origin, reins in hand."""
    lean = rng.uniform(0.0, 5.0)
    hip = shift(animals.HORSE_BACK, 0.0, 3.0)
    return Pose(hip, shift(hip, lean, 30.5), shift(hip, lean + 2.0, 41.0), (17.0, 84.0), (19.0, 85.0),
                (3.0, 36.0), (6.0, 37.0), toe=(5.6, 1.0))


def facing_horse(rng: Random) -> Pose:
    """Stands in front of a horse at x = 24, with a hand at its mouth."""
    pose = _upright(rng, (22.0, 68.0), (rng.uniform(0.0, 6.0), 48.0), rng.uniform(1.0, 6.0))
    joints = {f.name: getattr(pose, f.name) for f in fields(pose) if f.name != "toe"}
    return Pose(**{name: shift(joint, -58.0, 0.0) for name, joint in joints.items()})
