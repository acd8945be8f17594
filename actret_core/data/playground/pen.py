"""Drawing in body units on a supersampled canvas, which smooths edges. A pen records the box of what it draws."""

from math import sqrt

from PIL import Image, ImageDraw

SUPERSAMPLE = 4

Point = tuple[float, float]
Color = tuple[int, ...]
Box = tuple[float, float, float, float]


def mix(a: Color, b: Color, t: float) -> Color:
    """The color at the fraction `t` between `a` and `b`."""
    return tuple(round(p + (q - p) * t) for p, q in zip(a[:3], b[:3], strict=True))


def shade(color: Color, t: float = 0.16) -> Color:
    """`color` in the shadow: darker and bluer."""
    return mix(color, (38, 38, 74), t)


def tint(color: Color, t: float = 0.2) -> Color:
    """`color` in the light: brighter and warmer."""
    return mix(color, (255, 250, 236), t)


def _catmull_rom(t: float) -> tuple[float, float, float, float]:
    """The weights of four neighboring points for the curve at `t` between the second and the third."""
    inner = 1 + t * t * (3 * t - 5) / 2, t * (1 + t * (4 - 3 * t)) / 2
    return -t * (1 - t) ** 2 / 2, *inner, -t * t * (1 - t) / 2


_WEIGHTS = [_catmull_rom(step / 5) for step in range(5)]


def spline(points: list[Point]) -> list[Point]:
    """A closed Catmull-Rom curve through `points`, as a polygon with five corners for each point."""
    out: list[Point] = []
    for i, (bx, by) in enumerate(points):
        (ax, ay), (cx, cy), (dx, dy) = (points[(i + j) % len(points)] for j in (-1, 1, 2))
        for a, b, c, d in _WEIGHTS:
            out.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return out


class Canvas:
    """An RGB picture that is drawn four times too large; `finish` reduces it, which smooths all edges."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self.image = Image.new("RGB", (size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE))
        self.solid = ImageDraw.Draw(self.image)
        self.glaze = ImageDraw.Draw(self.image, "RGBA")

    def finish(self) -> Image.Image:
        """The picture at its final size. An integer box filter gives the same pixels on every machine."""
        return self.image.reduce(SUPERSAMPLE)


class Pen:
    """Draws on a canvas in its own units: x points forward, y up from the ground; a person is 100 units tall.

    x, y: the pen's origin, in pixels of the finished picture; scale: pixels for each unit; flip: forward is left
    instead of right. Colors of four values (RGBA) are blended. `box` is the box of all that the pen drew.
    """

    def __init__(self, canvas: Canvas, x: float, y: float, scale: float = 1.0, flip: bool = False) -> None:
        self.canvas, self.x, self.y, self.scale, self.flip = canvas, x, y, scale, flip
        self._low, self._high = [10**6, 10**6], [-(10**6), -(10**6)]

    def child(self, at: Point, scale: float = 1.0, flip: bool = False) -> "Pen":
        """A pen at the point `at` of this one, with a box of its own."""
        x, y = self.x + (-at[0] if self.flip else at[0]) * self.scale, self.y - at[1] * self.scale
        return Pen(self.canvas, x, y, self.scale * scale, self.flip != flip)

    def include(self, other: "Pen") -> None:
        """Count what `other` drew as drawn by this pen."""
        self._grow(*other._low, *other._high)

    @property
    def box(self) -> Box:
        """xyxy in pixels, clipped to the picture; empty (x2 <= x1) if nothing was drawn inside it."""
        (x1, y1), (x2, y2), (w, h) = self._low, self._high, self.canvas.size
        s = SUPERSAMPLE
        return max(x1 / s, 0.0), max(y1 / s, 0.0), min((x2 + 1) / s, float(w)), min((y2 + 1) / s, float(h))

    def polygon(self, points: list[Point], color: Color) -> None:
        """A filled polygon."""
        flat = [self._pixel(p) for p in points]
        xs, ys = [p[0] for p in flat], [p[1] for p in flat]
        self._grow(min(xs), min(ys), max(xs), max(ys))
        self._draw(color).polygon(flat, fill=color)

    def blob(self, points: list[Point], color: Color) -> None:
        """A filled shape with a smooth outline through `points`."""
        self.polygon(spline(points), color)

    def disc(self, center: Point, rx: float, color: Color, ry: float | None = None) -> None:
        """A filled ellipse with radii `rx` and `ry`, a circle by default."""
        x, y = self._pixel(center)
        a, b = (max(round(r * self.scale * SUPERSAMPLE), 1) for r in (rx, rx if ry is None else ry))
        self._grow(x - a, y - b, x + a, y + b)
        self._draw(color).ellipse((x - a, y - b, x + a, y + b), fill=color)

    def ring(self, center: Point, radius: float, width: float, color: Color) -> None:
        """A circle that is not filled; `radius` is its outer radius."""
        x, y = self._pixel(center)
        a, w = round(radius * self.scale * SUPERSAMPLE), max(round(width * self.scale * SUPERSAMPLE), 2)
        self._grow(x - a, y - a, x + a, y + a)
        self._draw(color).ellipse((x - a, y - a, x + a, y + a), outline=color, width=w)

    def limb(self, a: Point, b: Point, ra: float, rb: float, color: Color) -> None:
        """A tapered stroke with round ends, of radius `ra` at `a` and `rb` at `b`."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = sqrt(dx * dx + dy * dy) or 1.0
        nx, ny = -dy / length, dx / length
        self.polygon([(a[0] + nx * ra, a[1] + ny * ra), (b[0] + nx * rb, b[1] + ny * rb),
                      (b[0] - nx * rb, b[1] - ny * rb), (a[0] - nx * ra, a[1] - ny * ra)], color)
        self.disc(a, ra, color)
        self.disc(b, rb, color)

    def stroke(self, points: list[Point], width: float, color: Color) -> None:
        """A line of constant width through `points`."""
        for a, b in zip(points, points[1:], strict=False):
            self.limb(a, b, width / 2, width / 2, color)

    def _pixel(self, p: Point) -> tuple[int, int]:
        x = self.x + (-p[0] if self.flip else p[0]) * self.scale
        return round(x * SUPERSAMPLE), round((self.y - p[1] * self.scale) * SUPERSAMPLE)

    def _draw(self, color: Color) -> ImageDraw.ImageDraw:
        return self.canvas.glaze if len(color) == 4 else self.canvas.solid

    def _grow(self, x1: int, y1: int, x2: int, y2: int) -> None:
        self._low = [min(self._low[0], x1), min(self._low[1], y1)]
        self._high = [max(self._high[0], x2), max(self._high[1], y2)]
