"""A horse and a dog, facing right, in the units of a person of height 100."""

from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.pen import Color, Pen, Point, shade, tint

HORSE_BACK: Point = (-3.0, 70.0)
DOG_COLLAR: Point = (11.0, 21.5)


def draw_horse(pen: Pen, rng: Random) -> None:
    """A horse with a saddle cloth and a bridle, whether ridden or not: 95 units long, 96 tall."""
    coat, cloth = rng.choice(palette.COATS), rng.choice(palette.CLOTHES)
    mane = rng.choice((shade(coat, 0.45), tint(coat, 0.55)))
    step = rng.uniform(-3.0, 3.0)
    for x, foot in ((-20.0, -18.0 - step), (22.0, 25.0 + step)):
        _horse_leg(pen, x, foot, shade(coat, 0.24))
    pen.blob([(-29, 62), (-36, 58), (-40, 42), (-39, 24), (-35, 34), (-31, 48)], mane)
    for x, foot in ((-26.0, -27.0 + step), (17.0, 16.0 - step)):
        _horse_leg(pen, x, foot, coat)
    pen.blob([(-31, 60), (-26, 69), (-10, 68), (8, 67), (20, 70), (27, 62), (26, 48), (16, 42), (-8, 41),
              (-24, 43)], coat)
    pen.blob([(12, 68), (24, 84), (33, 94), (41, 91), (39, 80), (31, 66), (26, 52), (14, 54)], coat)
    pen.blob([(33, 95), (41, 95), (48, 84), (55, 74), (54, 68), (48, 67), (40, 75), (34, 82)], coat)
    pen.disc((51.6, 71.0), 4.4, shade(coat, 0.2), 4.0)
    pen.blob([(35, 92), (36, 100), (39, 98), (40, 93)], coat)
    pen.blob([(8, 69), (17, 80), (27, 94), (37, 99), (38, 94), (32, 90), (25, 78), (17, 67)], mane)
    pen.disc((41.6, 87.4), 1.3, (44, 36, 40))
    pen.stroke([(43.4, 92.0), (40.2, 77.5)], 1.4, shade(cloth, 0.4))
    pen.stroke([(49.5, 81.5), (44.5, 71.5)], 1.4, shade(cloth, 0.4))
    pen.blob([(-14, 69.5), (8, 68.5), (9, 54), (5, 51), (-12, 51), (-15, 55)], cloth)
    pen.blob([(-14, 70), (-4, 68), (8, 69), (8, 66), (-3, 64.5), (-14, 66)], shade(cloth, 0.35))


def _horse_leg(pen: Pen, hip: float, foot: float, color: Color) -> None:
    knee = ((hip + foot) / 2 + 0.6, 25.0)
    pen.limb((hip, 48.0), knee, 7.0, 3.6, color)
    pen.limb(knee, (foot, 7.0), 3.4, 2.7, color)
    pen.polygon([(foot - 2.8, 6.5), (foot + 2.8, 6.5), (foot + 4.4, 0.0), (foot - 3.2, 0.0)], (70, 60, 62))


def draw_dog(pen: Pen, rng: Random) -> None:
    """A dog with a collar: 42 units long, 34 tall."""
    coat = rng.choice(palette.COATS)
    dark, step = shade(coat, 0.3), rng.uniform(-2.0, 2.0)
    for x, foot in ((-9.0, -8.0 - step), (10.0, 11.0 + step)):
        pen.limb((x, 12.0), (foot, 1.6), 2.8, 2.0, dark)
    pen.stroke([(-15.0, 19.0), (-19.0, 23.5), (-19.5, 28.0)], 3.2, coat)
    pen.blob([(-16, 18), (-12, 22.5), (2, 21.5), (11, 23), (14, 17), (11, 11), (0, 11.5), (-12, 10.5)], coat)
    for x, foot in ((-12.0, -12.5 + step), (8.0, 7.0 - step)):
        pen.limb((x, 14.0), (foot, 1.6), 3.8, 2.2, coat)
    pen.limb((9.0, 19.0), (14.0, 27.0), 5.0, 4.6, coat)
    pen.disc((15.5, 28.5), 5.6, coat, 5.2)
    pen.limb((17.5, 27.0), (22.5, 26.2), 3.2, 2.5, tint(coat, 0.12))
    pen.disc((24.4, 27.2), 1.4, (48, 40, 44))
    pen.blob([(11.5, 33), (14.5, 32), (14.5, 25), (11.5, 22.5), (9.5, 26)], dark)
    pen.disc((18.0, 29.6), 1.0, (44, 36, 40))
    pen.limb((8.2, 23.6), (13.6, 20.4), 1.2, 1.2, rng.choice(palette.BRIGHT))
