"""Background objects that do not depend on the action."""

from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.pen import Pen, shade, tint


def _shadow(pen: Pen, half: float) -> None:
    pen.child((0.0, 0.0)).disc((2.0, 0.0), half, (52, 52, 86, 46), half * 0.18)


def draw_tree(pen: Pen, rng: Random) -> None:
    """A young tree."""
    leaves, wood = rng.choice(palette.LEAVES), rng.choice(palette.WOOD)
    _shadow(pen, 15.0)
    pen.limb((0, 0), (0, 40), 3.0, 2.0, wood)
    pen.disc((-6, 48), 12, shade(leaves, 0.1))
    pen.disc((7, 50), 12, shade(leaves, 0.05))
    pen.disc((0, 60), 13, leaves)


def draw_bush(pen: Pen, rng: Random) -> None:
    """A bush, some with flowers."""
    leaves, flower = rng.choice(palette.LEAVES), rng.choice(palette.CLOTHES)
    _shadow(pen, 17.0)
    for x, y, r in ((-9, 7, 9), (9, 7, 9), (0, 11, 11)):
        pen.disc((x, y), r, shade(leaves, 0.08) if x else leaves)
    for x, y in ((-9, 10), (-2, 15), (6, 9), (11, 11)) if rng.random() < 0.5 else ():
        pen.disc((x, y), 1.8, flower)


def draw_bench(pen: Pen, rng: Random) -> None:
    """A park bench."""
    wood = rng.choice(palette.WOOD)
    _shadow(pen, 28.0)
    for x in (-20, 20):
        pen.stroke([(x, 0), (x, 30)], 2.6, (86, 84, 94))
    for y in (15, 23, 29):
        pen.limb((-25, y), (25, y), 2.4, 2.4, tint(wood, 0.1))


def draw_lamp(pen: Pen, rng: Random) -> None:
    """A street lamp."""
    iron = rng.choice(((86, 88, 104), (96, 112, 112)))
    _shadow(pen, 6.0)
    pen.limb((0, 0), (0, 92), 2.2, 1.4, iron)
    pen.limb((-2.5, 0), (2.5, 0), 2.4, 2.4, iron)
    pen.disc((0, 97), 6.4, (255, 240, 196))
    pen.limb((-5, 103), (5, 103), 1.4, 1.4, iron)


def draw_ball(pen: Pen, rng: Random) -> None:
    """A beach ball."""
    color = rng.choice(palette.BRIGHT[:5])
    _shadow(pen, 8.0)
    pen.disc((0, 8), 8, (250, 248, 242))
    pen.disc((0, 8), 3.4, color, 8.0)
    pen.disc((-2.5, 11), 2.0, (255, 255, 255, 150))


def draw_plant(pen: Pen, rng: Random) -> None:
    """A plant in a pot."""
    leaves = rng.choice(palette.LEAVES[:3])
    _shadow(pen, 10.0)
    for x, y in ((-11, 26), (-5, 34), (4, 35), (11, 27)):
        pen.limb((0, 14), (x, y), 1.4, 3.6, leaves)
    clay = rng.choice(((204, 120, 90), (226, 214, 196), (110, 130, 150)))
    pen.polygon([(-8, 15), (8, 15), (6, 0), (-6, 0)], clay)


def draw_bag(pen: Pen, rng: Random) -> None:
    """A bag on the ground."""
    color = rng.choice(palette.CLOTHES)
    _shadow(pen, 11.0)
    pen.ring((0, 15), 6.5, 1.8, shade(color, 0.3))
    pen.blob([(-10, 1), (-9, 14), (0, 16), (9, 14), (10, 1), (0, 0)], color)
    pen.blob([(-9.5, 9), (-9, 14), (0, 16), (9, 14), (9.5, 9), (0, 7)], shade(color, 0.14))


# Each with the COCO category that a detector finds, None for an object that it does not know.
CLUTTER = ((draw_tree, None), (draw_bush, None), (draw_lamp, None), (draw_bench, 15), (draw_ball, 37),
           (draw_plant, 64), (draw_bag, 31))
