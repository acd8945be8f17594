"""Draw a person in a pose: joints, limbs, clothes and body."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from actret_core.data.playground.heads import draw_head
from actret_core.data.playground.looks import Look
from actret_core.data.playground.pen import Pen, Point, shade, tint

UPPER_ARM, FOREARM, THIGH, SHIN = 16.5, 15.5, 22.8, 22.2


@dataclass(frozen=True)
class Pose:
    """Joints in body units, of a person facing right: `near` limbs are in front of the body, `far` ones behind it.

    toe: vector from heel to toe. Elbows and knees are computed from the ends of each limb.
    """

    hip: Point
    shoulder: Point
    head: Point
    hand_near: Point
    hand_far: Point
    foot_near: Point
    foot_far: Point
    toe: Point = (6.0, -1.0)


def reach(a: Point, b: Point, first: float, second: float, bend: float) -> tuple[Point, Point]:
    """The middle joint and the end of a limb of two bones, of lengths `first` and `second`, from `a` towards `b`.

    `bend`, +1 or -1, is the side to which the middle joint bends. The end is `b` if the limb can reach it.
    """
    dx, dy = b[0] - a[0], b[1] - a[1]
    distance = max(sqrt(dx * dx + dy * dy), abs(first - second) + 0.1)
    ux, uy = dx / distance, dy / distance
    distance = min(distance, (first + second) * 0.995)
    along = (first * first - second * second + distance * distance) / (2 * distance)
    aside = bend * sqrt(max(first * first - along * along, 0.0))
    middle = (a[0] + ux * along - uy * aside, a[1] + uy * along + ux * aside)
    return middle, (a[0] + ux * distance, a[1] + uy * distance)


def draw_person(
    pen: Pen,
    pose: Pose,
    look: Look,
    behind: Callable[[], None] | None = None,
    held: Callable[[], None] | None = None,
) -> None:
    """Draw the person; `behind` is called between far limbs and body, `held` just before the near arm."""
    _leg(pen, (pose.hip[0] + 0.8, pose.hip[1]), pose.foot_far, pose.toe, look, far=True)
    _arm(pen, (pose.shoulder[0] + 2.2, pose.shoulder[1] - 3.6), pose.hand_far, look, far=True)
    if behind:
        behind()
    if look.backpack:
        _backpack(pen, pose, look)
    _leg(pen, (pose.hip[0] - 0.6, pose.hip[1]), pose.foot_near, pose.toe, look, far=False)
    _torso(pen, pose, look)
    draw_head(pen, pose.shoulder, pose.head, look)
    if held:
        held()
    _arm(pen, (pose.shoulder[0] - 1.4, pose.shoulder[1] - 4.0), pose.hand_near, look, far=False)


def _leg(pen: Pen, hip: Point, foot: Point, toe: Point, look: Look, far: bool) -> None:
    cloth, skin, shoe = (shade(c) if far else c for c in (look.trousers, look.skin, look.shoes))
    knee, ankle = reach(hip, foot, THIGH, SHIN, bend=1.0)
    pen.limb(knee, ankle, 3.2, 2.3, skin if look.shorts else cloth)
    if not look.shorts:
        pen.limb(knee, ankle, 4.2, 3.0, cloth)
    pen.limb(hip, knee, 6.3, 4.6, cloth)
    heel = (ankle[0] - 1.2, ankle[1] - 1.0)
    pen.limb(heel, (heel[0] + toe[0], heel[1] + toe[1]), 3.0, 2.2, shoe)


def _arm(pen: Pen, shoulder: Point, hand: Point, look: Look, far: bool) -> None:
    sleeve = look.shirt if look.pattern != "jacket" else look.accent
    cloth, skin = (shade(c) if far else shade(c, 0.05) for c in (sleeve, look.skin))
    elbow, hand = reach(shoulder, hand, UPPER_ARM, FOREARM, bend=-1.0)
    pen.disc(hand, 3.0, skin)
    if look.short_sleeves:
        pen.limb(shoulder, elbow, 3.2, 2.7, skin)
        pen.limb(elbow, hand, 2.7, 2.2, skin)
        half = ((shoulder[0] + elbow[0]) / 2, (shoulder[1] + elbow[1]) / 2)
        pen.limb(shoulder, half, 4.3, 4.1, cloth)
    else:
        wrist = (hand[0] + (elbow[0] - hand[0]) * 0.2, hand[1] + (elbow[1] - hand[1]) * 0.2)
        pen.limb(shoulder, elbow, 4.3, 3.5, cloth)
        pen.limb(elbow, wrist, 3.5, 2.9, cloth)


def _across(pose: Pose, t: float, width: float) -> Point:
    """The point at `t` along the spine (0 hip, 1 shoulder), `width` in front of it."""
    (hx, hy), (sx, sy) = pose.hip, pose.shoulder
    length = sqrt((sx - hx) ** 2 + (sy - hy) ** 2)
    ux, uy = (sx - hx) / length, (sy - hy) / length
    return hx + (sx - hx) * t + uy * width, hy + (sy - hy) * t - ux * width


def _torso(pen: Pen, pose: Pose, look: Look) -> None:
    outline = [(-0.12, -6.6), (0.25, -6.4), (0.62, -7.6), (0.9, -6.6), (1.02, -2.6),
               (1.02, 2.6), (0.88, 6.4), (0.62, 7.8), (0.25, 6.4), (-0.12, 6.8)]
    pen.blob([_across(pose, t, w) for t, w in outline], look.shirt)
    if look.pattern == "stripes":
        for t in (0.16, 0.4, 0.64):
            pen.polygon([_across(pose, t, -6.3), _across(pose, t, 6.3),
                         _across(pose, t + 0.1, 6.5), _across(pose, t + 0.1, -6.5)], tint(look.accent, 0.1))
    if look.pattern == "jacket":
        back = [(-0.12, -6.9), (0.3, -6.8), (0.62, -7.8), (0.92, -6.6), (1.02, -1.0), (0.6, 3.4), (0.2, 2.4),
                (-0.14, 3.0)]
        pen.blob([_across(pose, t, w) for t, w in back], look.accent)


def _backpack(pen: Pen, pose: Pose, look: Look) -> None:
    color = shade(look.accent, 0.1)
    sack = [(0.2, -6.0), (0.2, -14.0), (0.6, -15.5), (0.95, -12.0), (0.98, -6.0)]
    pocket = [(0.24, -11.0), (0.26, -15.6), (0.5, -16.0), (0.5, -11.0)]
    pen.blob([_across(pose, t, w) for t, w in sack], color)
    pen.blob([_across(pose, t, w) for t, w in pocket], shade(color, 0.15))
