"""A small drawing board: flat shapes in hundredths of the picture's width, drawn large and shrunk for smooth edges."""

import math
from collections.abc import Iterable, Sequence
from typing import Self

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Point = tuple[float, float]

UNITS = 100
"""The width of every picture."""
_CURVE_STEPS = 24


class Canvas:
    """Draws with transparent nothing around. `y` grows downwards."""

    def __init__(self, width: int, height: int, *, enlarged: int = 4, margin: float = 0) -> None:
        self._size = (width, height)
        self._enlarged = enlarged
        self._margin = margin
        self._scale = width * enlarged / (UNITS + 2 * margin)
        self._image = Image.new("RGBA", (width * enlarged, height * enlarged))
        self._draw = ImageDraw.Draw(self._image)

    @property
    def height(self) -> float:
        """In the same units as everything."""
        return UNITS * self._size[1] / self._size[0]

    def fill(self, colour: str) -> Self:
        self._image.paste(colour, (0, 0, *self._image.size))
        return self

    def polygon(self, points: Iterable[Point], colour: str) -> Self:
        self._draw.polygon([self._at(point) for point in points], fill=colour)
        return self

    def shape(self, points: Sequence[Point], colour: str) -> Self:
        """Fill a smooth closed curve through the points."""
        return self.polygon(curve(points), colour)

    def disc(self, x: float, y: float, radius: float, colour: str, *, tall: float | None = None) -> Self:
        """Fill a circle, or with `tall` an ellipse."""
        rx, ry = radius, radius if tall is None else tall
        self._draw.ellipse([*self._at((x - rx, y - ry)), *self._at((x + rx, y + ry))], fill=colour)
        return self

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: str, *, turned: float = 0) -> Self:
        """Fill an ellipse that is turned by degrees."""
        return self.polygon(turn([oval(x, y, rx, ry, step / 90 * 2 * math.pi) for step in range(90)], (x, y), turned), colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: str) -> Self:
        """Draw a circle's line; `radius` is its outer edge."""
        box = [*self._at((x - radius, y - radius)), *self._at((x + radius, y + radius))]
        self._draw.ellipse(box, outline=colour, width=round(width * self._scale))
        return self

    def line(self, points: Sequence[Point], width: float, colour: str) -> Self:
        """Draw a line with round ends and corners."""
        places = [self._at(point) for point in points]
        self._draw.line(places, fill=colour, width=round(width * self._scale), joint="curve")
        for x, y in points:
            self.disc(x, y, width / 2, colour)
        return self

    def box(self, left: float, top: float, right: float, bottom: float, colour: str, *, corner: float = 0) -> Self:
        """Fill a rectangle with round corners."""
        self._draw.rounded_rectangle(
            [*self._at((left, top)), *self._at((right, bottom))], radius=corner * self._scale, fill=colour
        )
        return self

    def inside(self, other: "Canvas") -> Self:
        """Keep only what lies on the other drawing."""
        alpha = ImageChops.multiply(self._image.getchannel("A"), other._image.getchannel("A"))  # noqa: SLF001 - of its own kind
        self._image.putalpha(alpha)
        return self

    def without(self, other: "Canvas") -> Self:
        """Cut another drawing out."""
        alpha = ImageChops.subtract(self._image.getchannel("A"), other._image.getchannel("A"))  # noqa: SLF001 - of its own kind
        self._image.putalpha(alpha)
        return self

    def put(self, other: "Canvas") -> Self:
        """Lay another drawing on top."""
        self._image.alpha_composite(other._image)  # noqa: SLF001 - of its own kind
        return self

    def like(self) -> "Canvas":
        """Return an empty one of the same size."""
        return Canvas(*self._size, enlarged=self._enlarged, margin=self._margin)

    def cut_out(self, border: float = 2.6) -> Image.Image:
        """Return the picture as a sticker: with the white border at which it was cut, and the faint line of the cut."""
        alpha = self._image.getchannel("A")
        white, grey = self._grown(alpha, border), self._grown(alpha, border + 0.5)
        sticker = Image.new("RGBA", self._image.size, "#c9ccd6")
        sticker.putalpha(grey)
        paper = Image.new("RGBA", self._image.size, "#ffffff")
        paper.putalpha(white)
        sticker.alpha_composite(paper)
        sticker.alpha_composite(self._image)
        return self._shrunk(sticker)

    def picture(self) -> Image.Image:
        """Return the picture without any transparency."""
        return self._shrunk(self._image.convert("RGB"))

    def _grown(self, alpha: Image.Image, by: float) -> Image.Image:
        # A blurred edge falls off evenly all around: what is left of it far outside is a border with round corners.
        blurred = alpha.point(lambda value: 255 if value else 0).filter(ImageFilter.GaussianBlur(by * self._scale / 1.9))
        return blurred.point(lambda value: 255 if value > 7 else 0)

    def _shrunk(self, image: Image.Image) -> Image.Image:
        return image.resize(self._size, Image.Resampling.BOX)

    def _at(self, point: Point) -> Point:
        return (point[0] + self._margin) * self._scale, (point[1] + self._margin) * self._scale


def curve(points: Sequence[Point]) -> list[Point]:
    """Return a smooth closed curve (Catmull-Rom) through the points."""
    found: list[Point] = []
    count = len(points)
    for index in range(count):
        a, b, c, d = (points[(index + offset) % count] for offset in (-1, 0, 1, 2))
        for step in range(_CURVE_STEPS):
            t = step / _CURVE_STEPS
            found.append((_blend(a[0], b[0], c[0], d[0], t), _blend(a[1], b[1], c[1], d[1], t)))
    return found


def _blend(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def oval(x: float, y: float, rx: float, ry: float, angle: float) -> Point:
    """Return the point of an ellipse at an angle in radians."""
    return x + rx * math.cos(angle), y + ry * math.sin(angle)


def turn(points: Iterable[Point], centre: Point, degrees: float) -> list[Point]:
    """Turn points clockwise about a centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (centre[0] + (x - centre[0]) * cos - (y - centre[1]) * sin, centre[1] + (x - centre[0]) * sin + (y - centre[1]) * cos)
        for x, y in points
    ]


def mirrored(points: Sequence[Point]) -> list[Point]:
    """Mirror points from left to right."""
    return [(UNITS - x, y) for x, y in points]


def star(x: float, y: float, outer: float, inner: float, *, tips: int = 5, turned: float = -90) -> list[Point]:
    """Return a star."""
    corners = ((outer if step % 2 == 0 else inner, math.radians(turned + 180 * step / tips)) for step in range(2 * tips))
    return [oval(x, y, radius, radius, angle) for radius, angle in corners]


def heart(x: float, y: float, size: float) -> list[Point]:
    """Return a heart that is `size` wide."""
    steps = (2 * math.pi * step / 120 for step in range(120))
    return [
        (
            x + size * 16 * math.sin(t) ** 3 / 32,
            y - size * (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 32,
        )
        for t in steps
    ]


def arc(x: float, y: float, rx: float, ry: float, *, first: float, last: float) -> list[Point]:
    """Return points of an ellipse between two angles in degrees, clockwise from the right."""
    return [oval(x, y, rx, ry, math.radians(first + (last - first) * step / 40)) for step in range(41)]
