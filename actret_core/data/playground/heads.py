"""Heads: a face in profile with one of seven hairstyles."""

from actret_core.data.playground.looks import Look
from actret_core.data.playground.pen import Pen, Point, mix, shade

_CROWN = [(6.2, 4.4), (4.6, 8.6), (-1.0, 10.2), (-6.8, 7.6), (-8.6, 1.4), (-7.2, -4.0), (-4.4, -4.6),
          (-2.6, 0.6), (-0.6, 4.0), (3.0, 4.6)]
_MANE = [(2.0, 8.8), (-5.0, 9.2), (-9.4, 2.0), (-9.8, -8.0), (-8.4, -15.0), (-3.6, -15.4), (-1.4, -6.0)]
_TAIL = [(-6.4, 5.0), (-11.0, 5.4), (-13.4, -1.0), (-12.6, -9.0), (-10.6, -5.0), (-8.6, 0.0)]


def draw_head(pen: Pen, shoulder: Point, head: Point, look: Look) -> None:
    """The neck and the head, `head` being the center of the skull."""
    pen.limb((shoulder[0] + 0.4, shoulder[1] - 1.0), (head[0] - 0.8, head[1] - 4.0), 3.1, 3.1,
             shade(look.skin, 0.1))
    at = pen.child(head)
    _hair_behind(at, look)
    at.disc((0.2, 0.2), 7.4, look.skin, 8.0)
    at.limb((1.6, -3.8), (3.2, -4.6), 4.2, 3.6, look.skin)
    at.limb((6.4, 0.0), (7.9, -1.3), 1.4, 1.1, look.skin)
    if look.beard:
        at.blob([(-3.4, -1.6), (-3.0, -7.0), (2.4, -9.4), (6.6, -7.4), (6.2, -4.6), (1.6, -4.6),
                 (-0.8, -1.0)], look.hair)
    at.disc((4.6, 1.5), 1.05, (52, 44, 50))
    at.disc((2.9, -2.0), 1.7, (*mix(look.skin, (232, 110, 100), 0.55), 150))
    at.stroke([(4.6, -4.6), (6.2, -4.3)], 0.9, shade(mix(look.skin, (190, 70, 70), 0.5), 0.15))
    _hair_before(at, look)
    at.disc((-1.8, -0.6), 1.8, shade(look.skin, 0.07), 2.3)
    pen.include(at)


def _hair_behind(at: Pen, look: Look) -> None:
    if look.hairstyle == "long":
        at.blob(_MANE, shade(look.hair, 0.1))
    elif look.hairstyle == "tail":
        at.blob(_TAIL, shade(look.hair, 0.1))
    elif look.hairstyle == "bun":
        at.disc((-7.6, 7.0), 4.0, shade(look.hair, 0.1))
    elif look.hairstyle == "curly":
        for x, y in ((-7.6, -3.6), (-8.8, 1.6), (-7.2, 6.8), (-2.4, 9.8), (3.2, 9.0)):
            at.disc((x, y), 4.2, look.hair)


def _hair_before(at: Pen, look: Look) -> None:
    if look.hairstyle == "bald":
        at.blob([(-5.4, 3.0), (-8.0, 1.8), (-7.4, -4.0), (-4.4, -4.4), (-3.4, 0.4)], look.hair)
        return
    at.blob(_CROWN, look.hair)
    if look.hairstyle == "cap":
        at.blob([(7.6, 4.2), (5.2, 9.0), (-1.0, 10.8), (-7.0, 8.2), (-8.4, 3.2), (0.0, 4.4)], look.accent)
        at.limb((6.0, 4.6), (11.6, 4.0), 1.4, 1.0, shade(look.accent, 0.2))
