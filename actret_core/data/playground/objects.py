"""Objects that people hold, ride, fix or fly. Each is drawn at the origin of its pen, facing right."""

from random import Random

from actret_core.data.playground import palette
from actret_core.data.playground.pen import Pen, Point, shade, tint

SADDLE: Point = (-11.0, 52.0)
HANDLEBAR: Point = (17.0, 58.0)
CRANK: Point = (-3.0, 20.0)
REAR_HUB: Point = (-26.0, 19.0)
FRONT_HUB: Point = (26.0, 19.0)


def draw_bike(pen: Pen, rng: Random) -> None:
    """A bicycle on the ground: 92 units long, 60 tall."""
    frame, tire = rng.choice(palette.BRIGHT[:5]), (66, 62, 70)
    for hub in (REAR_HUB, FRONT_HUB):
        for dx, dy in ((0.0, 17.0), (14.7, 8.5), (14.7, -8.5)):
            pen.stroke([(hub[0] - dx, hub[1] - dy), (hub[0] + dx, hub[1] + dy)], 0.7, (176, 176, 182))
        pen.ring(hub, 19.0, 3.0, tire)
        pen.disc(hub, 2.2, (120, 116, 124))
    head = (14.5, 50.0)
    seat = (-10.0, 46.0)
    for a, b in ((REAR_HUB, CRANK), (CRANK, seat), (seat, head), (CRANK, head), (REAR_HUB, seat)):
        pen.stroke([a, b], 2.8, frame)
    pen.stroke([seat, (-11.0, 51.0)], 2.2, shade(frame, 0.2))
    pen.stroke([HANDLEBAR, head, FRONT_HUB], 2.8, shade(frame, 0.2))
    pen.stroke([(13.0, 58.6), (21.5, 57.6)], 2.8, tire)
    pen.limb((-15.5, SADDLE[1]), (-6.5, SADDLE[1] - 0.6), 2.2, 1.5, (74, 58, 58))
    pen.ring(CRANK, 5.0, 1.6, (96, 92, 100))
    pen.stroke([(CRANK[0] - 3.0, 12.0), CRANK, (CRANK[0] + 3.0, 28.0)], 1.8, (96, 92, 100))


def draw_cup(pen: Pen, rng: Random) -> None:
    """A cup tilted towards a mouth on its left."""
    color = rng.choice(palette.BRIGHT[:5])
    pen.ring((7.0, 1.2), 3.6, 1.4, shade(color, 0.2))
    pen.polygon([(-4.4, 3.6), (4.6, 7.0), (6.6, -2.8), (0.0, -5.2)], color)
    pen.polygon([(-4.4, 3.6), (4.6, 7.0), (4.2, 9.0), (-4.8, 5.6)], tint(color, 0.6))


def draw_phone(pen: Pen, rng: Random) -> None:
    """A telephone from an ear at the origin down to the cheek."""
    color = rng.choice(((52, 52, 62), (66, 70, 90), (150, 70, 76), (222, 222, 226)))
    pen.limb((-1.6, 2.4), (9.4, -7.4), 3.2, 3.2, tint(color, 0.6))
    pen.limb((-0.8, 2.2), (9.4, -6.6), 2.3, 2.3, color)


def draw_toothbrush(pen: Pen, rng: Random) -> None:
    """A toothbrush that sticks out of a mouth at the origin, with foam."""
    color = rng.choice(palette.BRIGHT[:5])
    pen.limb((1.0, 0.0), (17.0, -4.4), 1.1, 1.7, color)
    pen.disc((0.0, -0.6), 2.4, (255, 255, 255))
    pen.disc((1.6, -2.6), 1.8, (246, 250, 252))


def draw_carrot(pen: Pen, rng: Random) -> None:
    """A carrot held out to the right."""
    pen.stroke([(-1.0, 0.0), (-4.6, 2.4)], 2.4, (112, 164, 92))
    pen.limb((0.0, 0.0), (9.0, 1.0), 2.6, 1.0, rng.choice(((238, 140, 66), (230, 120, 60))))


def draw_wrench(pen: Pen, rng: Random) -> None:
    """A wrench that points down and to the right."""
    steel = rng.choice(((206, 210, 220), (226, 220, 206)))
    pen.limb((-5.0, 4.0), (6.0, -5.0), 1.8, 1.8, steel)
    pen.ring((8.0, -6.8), 4.2, 2.2, steel)


def draw_kite(pen: Pen, rng: Random) -> None:
    """A kite around the origin with a tail of bows: 34 units wide, 52 tall."""
    a, b = rng.sample(palette.BRIGHT[:5], 2)
    top, left, right, low, mid = (4.0, 18.0), (-14.0, 6.0), (16.0, 1.0), (-4.0, -19.0), (1.4, 3.8)
    pen.polygon([top, left, mid], a)
    pen.polygon([top, right, mid], b)
    pen.polygon([left, low, mid], b)
    pen.polygon([right, low, mid], tint(a, 0.2))
    tail = [low, (-7.0, -24.0), (-4.0, -29.0), (-8.0, -35.0)]
    pen.stroke(tail, 0.9, (110, 100, 110))
    for (x, y), color in zip(tail[1:], (a, b, a), strict=True):
        pen.polygon([(x - 3.4, y + 2.2), (x + 3.4, y - 2.2), (x + 3.4, y + 2.2), (x - 3.4, y - 2.2)], color)


def draw_line(pen: Pen, a: Point, b: Point, sag: float) -> None:
    """A thin leash or string from `a` to `b` whose middle hangs `sag` units lower."""
    points = []
    for i in range(9):
        t = i / 8
        points.append((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t - 4 * sag * t * (1 - t)))
    pen.stroke(points, 0.7, (96, 82, 86, 80))
