"""The background of a scene: sky, land, clutter, and the cue of the setting at one side."""

from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.acting import Thing
from actret_core.data.playground.clutter import CLUTTER
from actret_core.data.playground.cues import draw_bay, draw_grove, draw_mountains, draw_skyline
from actret_core.data.playground.pen import SUPERSAMPLE, Canvas, Color, Pen, mix, shade, tint

SETTINGS = ("mountain", "city", "beach", "park")
CUE_WIDTH = 0.44  # part of the picture's width; a person whose action needs the setting is not in front of it


def draw_setting(canvas: Canvas, setting: str, cue_left: bool, key: str) -> list[Thing]:
    """Draw the background of a scene; returns the clutter that a detector may find.

    Sky, hills, ground and clutter have random numbers that are seeded by `key` and do not depend on the setting, so
    that only the cue shows which setting it is.
    """
    rng, (w, h) = Random(f"{key}-backdrop"), canvas.size
    horizon = round(h * rng.uniform(0.54, 0.6))
    sky, ground, hill = rng.choice(palette.SKIES), rng.choice(palette.GROUNDS), rng.choice(palette.HILLS)
    _sky(canvas, sky, horizon, rng)
    cue = Pen(canvas, 0.0 if cue_left else float(w), float(horizon), flip=not cue_left)
    cue_rng = Random(f"{key}-cue")
    if setting == "mountain":
        draw_mountains(cue, w * CUE_WIDTH, sky[1], cue_rng)
    if setting == "city":
        draw_skyline(cue, w * CUE_WIDTH, sky[1], cue_rng)
    _land(canvas, horizon, ground, hill, rng)
    if setting == "beach":
        draw_bay(cue, w * CUE_WIDTH, cue_rng)
    if setting == "park":
        draw_grove(cue, w * CUE_WIDTH, cue_rng)
    return _clutter(canvas, horizon, Random(f"{key}-clutter"))


def _sky(canvas: Canvas, colors: tuple[Color, Color], horizon: int, rng: Random) -> None:
    bands, (w, _) = 32, canvas.size
    for i in range(bands):
        top, low = (horizon * SUPERSAMPLE * edge // bands for edge in (i, i + 1))
        canvas.solid.rectangle((0, top, w * SUPERSAMPLE, low), fill=mix(*colors, i / (bands - 1)))
    pen = Pen(canvas, 0.0, 0.0)
    if rng.random() < 0.5:
        pen.disc((rng.uniform(0.1, 0.9) * w, -rng.uniform(0.1, 0.3) * horizon), 8.0, (255, 246, 214))
    for _ in range(rng.randint(1, 3)):
        x, y, size = rng.uniform(0.0, w), -rng.uniform(0.08, 0.5) * horizon, rng.uniform(0.7, 1.2)
        for dx, dy, r in ((-9, 0, 4), (-2, 2.6, 6), (6, 1.2, 5), (12, -0.6, 3.4)):
            pen.disc((x + dx * size, y + dy * size), r * size * 1.5, (255, 255, 255, 120), r * size)


def _land(canvas: Canvas, horizon: int, ground: Color, hill: Color, rng: Random) -> None:
    w, h = canvas.size
    pen = Pen(canvas, 0.0, float(horizon))
    for depth, rise in ((0.35, 11.0), (0.0, 6.0)):
        ridge = [(x * w / 6, rng.uniform(0.3, 1.0) * rise) for x in range(-1, 8)]
        pen.blob([(-w * 0.3, -12.0), *ridge, (w * 1.3, -12.0)], tint(hill, depth))
    canvas.solid.rectangle((0, horizon * SUPERSAMPLE, w * SUPERSAMPLE, h * SUPERSAMPLE),
                           fill=tint(ground, 0.12))
    for depth, color in ((0.14, ground), (0.33, shade(ground, 0.05))):
        swell = [(x * w, -(depth + rng.uniform(-0.04, 0.04)) * h) for x in (-0.3, 0.2, 0.75, 1.3)]
        pen.blob([*swell, (1.3 * w, -h), (-0.3 * w, -h)], color)


def _clutter(canvas: Canvas, horizon: int, rng: Random) -> list[Thing]:
    w, h = canvas.size
    things, spots = [], sorted(rng.uniform(0.25, 0.8) for _ in range(rng.randint(1, 3)))
    for depth in spots:
        draw, category = rng.choice(CLUTTER)
        pen = Pen(canvas, rng.uniform(0.05, 0.95) * w, horizon + depth * (h - horizon), 0.45 + 0.4 * depth,
                  rng.random() < 0.5)
        draw(pen, rng)
        x1, y1, x2, y2 = pen.box
        if category is not None and x2 - x1 > 3 and y2 - y1 > 3:
            things.append(Thing(category, pen.box))
    return things
