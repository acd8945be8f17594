"""The cues that show the setting, each at one side of the picture.

The origin of their pens is where the horizon meets the edge: x points inwards, up to `width`, y up, both in pixels.
"""

from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.pen import Color, Pen, mix, shade

WALLS = ((112, 124, 152), (140, 126, 140), (166, 142, 132), (98, 114, 134))


def draw_mountains(pen: Pen, width: float, haze: Color, rng: Random) -> None:
    """Snowy peaks."""
    for at, tall in ((0.62, 0.55), (0.05, 0.8), (0.34, 1.0)):
        x, height = (at + rng.uniform(-0.05, 0.05)) * width, tall * rng.uniform(54.0, 66.0)
        half = min(height * 0.62, width - x)
        rock = mix(rng.choice(((122, 132, 162), (136, 128, 152))), haze, 0.2)
        pen.polygon([(x - height * 0.62, -4.0), (x, height), (x + half, -4.0)], rock)
        pen.polygon([(x, height), (x + half, -4.0), (x + half * 0.25, -4.0), (x - 3.0, height * 0.5)],
                    shade(rock, 0.16))
        snow = [(x - height * 0.2, height * 0.68), (x, height), (x + half * 0.32, height * 0.68),
                (x + half * 0.12, height * 0.74), (x - 1.0, height * 0.64), (x - height * 0.1, height * 0.74)]
        pen.polygon(snow, (252, 252, 255))


def draw_skyline(pen: Pen, width: float, haze: Color, rng: Random) -> None:
    """A row of tall buildings with lit windows."""
    for at, span, tall in ((0.0, 0.2, 0.7), (0.66, 0.17, 0.6), (0.84, 0.13, 0.38), (0.18, 0.24, 1.0),
                           (0.44, 0.24, 0.8)):
        wall = mix(rng.choice(WALLS), haze, 0.15)
        left, right, top = at * width, (at + span) * width, tall * rng.uniform(54.0, 66.0)
        pen.polygon([(left, -4.0), (left, top), (right, top), (right, -4.0)], wall)
        pen.polygon([(right - 2.5, -4.0), (right - 2.5, top), (right, top), (right, -4.0)], shade(wall, 0.16))
        columns = max(int((right - left - 3.0) // 5), 1)
        for row in range(int(top // 7)):
            for column in range(columns):
                x, y = left + 2.0 + column * 5.0, top - 5.5 - row * 7.0
                pen.polygon([(x, y), (x, y + 3.4), (x + 2.4, y + 3.4), (x + 2.4, y)],
                            (255, 232, 170) if rng.random() < 0.55 else shade(wall, 0.2))


def draw_bay(pen: Pen, width: float, rng: Random) -> None:
    """The sea with a sail, and a palm at the shore; drawn over the land, below the horizon."""
    sea = rng.choice(((92, 172, 196), (104, 184, 190)))
    pen.blob([(-20, 1), (width * 0.6, 1), (width, -1), (width * 0.8, -10), (width * 0.4, -19), (-20, -24)],
             (250, 240, 214))
    pen.polygon([(-2, 1), (width * 0.9, 1), (width * 0.66, -8), (width * 0.3, -14), (-2, -18)], sea)
    pen.polygon([(-2, 1), (width * 0.9, 1), (width * 0.8, -2), (-2, -5)], shade(sea, 0.14))
    x = width * rng.uniform(0.5, 0.62)
    pen.polygon([(x - 8, 2), (x + 8, 2), (x + 5, -2), (x - 5, -2)], (246, 246, 240))
    pen.polygon([(x, 3), (x, 24), (x + 10, 5)], (255, 255, 250))
    pen.polygon([(x - 1.5, 3), (x - 1.5, 20), (x - 8, 5)], rng.choice(palette.BRIGHT[:5]))
    _draw_palm(pen, width * rng.uniform(0.14, 0.22), rng.uniform(52.0, 62.0))


def _draw_palm(pen: Pen, x: float, top: float) -> None:
    pen.limb((x - 5, -16), (x, top * 0.5), 2.8, 2.0, (160, 124, 92))
    pen.limb((x, top * 0.5), (x + 4, top), 2.0, 1.5, (160, 124, 92))
    for dx, dy in ((-19, -7), (-14, 7), (-2, 12), (12, 9), (19, -3), (10, -13), (-9, -14)):
        leaf = [(0, 2), (dx * 0.6, dy * 0.5 + 5), (dx, dy), (dx * 0.5, dy * 0.4)]
        pen.child((x + 4, top)).blob(leaf, (96, 158, 112) if dx < 0 else (112, 172, 112))


def draw_grove(pen: Pen, width: float, rng: Random) -> None:
    """Three tall trees, the cue of the park. No action is bound to the park."""
    for at in (0.06, 0.62, 0.34):
        x, top = (at + rng.uniform(0.0, 0.08)) * width, rng.uniform(34.0, 48.0)
        leaves = rng.choice(palette.LEAVES)
        pen.limb((x, -8), (x, top * 0.6), 2.6, 1.8, palette.WOOD[0])
        for dx, dy, r in ((-6, -6, 9), (6, -5, 9), (0, 4, 11)):
            pen.disc((x + dx, top + dy), r, shade(leaves, 0.1) if dx else leaves)
