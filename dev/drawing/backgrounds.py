"""Pictures that cover a whole case: quiet enough for photos and texts to lie on them."""

import math
from random import Random

from dev.drawing.canvas import UNITS, Canvas, Point, arc, star, turn


def hills(canvas: Canvas) -> None:
    """Soft layers, like hills behind hills."""
    canvas.fill("#ffe5d4").disc(68, 42, 17, "#ffb38a")
    colours = ("#f9c6b0", "#f4a39b", "#dd7f8e", "#b75d80", "#87456f", "#572f58")
    for layer, colour in enumerate(colours):
        top = 62 + layer * 25
        _below(
            canvas, [(x, top + 9 * math.sin(x / 17 + layer * 2.1) + 4 * math.sin(x / 7 + layer)) for x in range(-2, 103)], colour
        )


def terrazzo(canvas: Canvas) -> None:
    """Chips of stone, none on another."""
    canvas.fill("#f7f1e8")
    random = Random(7)
    colours = ("#2f4858", "#f26b5b", "#f6ae2d", "#86bbd8", "#7fb685", "#d9a5b3")
    taken: list[tuple[float, float, float]] = []
    for size in (*[9.0] * 26, *[5.5] * 60, *[2.8] * 70):
        for _ in range(60):
            x, y = random.uniform(0, UNITS), random.uniform(0, canvas.height)
            if all(math.dist((x, y), (a, b)) > size + radius + 1.2 for a, b, radius in taken):
                taken.append((x, y, size))
                _chip(canvas, random, (x, y), size, random.choice(colours))
                break


def waves(canvas: Canvas) -> None:
    """Stripes of the seventies."""
    canvas.fill("#fbe8c8")
    colours = ("#6b2d1a", "#c8501f", "#ec8a2d", "#f5b94c", "#2c7f79")
    for band in range(5):
        for stripe, colour in enumerate(colours):
            offset = band * 62 + stripe * 6.4 - 30
            line = [(x, offset + 14 * math.sin(x / 100 * 2 * math.pi)) for x in range(-8, 109, 2)]
            canvas.line(line, 6.6, colour)


def sunburst(canvas: Canvas) -> None:
    """Rays of a sun that sets behind the lower edge."""
    canvas.fill("#ffb84d")
    middle = (UNITS / 2, canvas.height * 0.72)
    for ray in range(18):
        edge = [_ray(middle, ray * 20 + half) for half in (0, 10)]
        canvas.polygon([middle, *edge], "#ff8f4a")
    for radius, colour in ((44, "#f4516c"), (36, "#ff8f4a"), (28, "#ffd166"), (20, "#fff3d1")):
        canvas.disc(*middle, radius, colour)
    sea = canvas.height * 0.72
    canvas.box(0, sea, UNITS, canvas.height, "#1d5c7a")
    for row, colour in enumerate(("#2a7f96", "#4aa6ad", "#8fd0c2", "#4aa6ad", "#2a7f96")):
        y = sea + 7 + row * 11
        for wave in range(-1, 6):
            x = wave * 22 + (11 if row % 2 else 0)
            canvas.polygon(arc(x + 11, y, 8.5, 3.4, first=180, last=360), colour)


def night(canvas: Canvas) -> None:
    """Stars, and two planets far apart."""
    canvas.fill("#171238")
    for top, colour in ((60, "#1d1747"), (112, "#251c59"), (160, "#30236c"), (196, "#3d2b80")):
        _below(canvas, [(x, top + 10 * math.sin(x / 21 + top)) for x in range(-2, 103)], colour)
    random = Random(3)
    for _ in range(190):
        canvas.disc(random.uniform(0, UNITS), random.uniform(0, canvas.height), random.choice((0.25, 0.4, 0.6)), "#fdf6d8")
    for _ in range(16):
        size = random.uniform(1.4, 2.8)
        canvas.polygon(star(random.uniform(4, 96), random.uniform(4, canvas.height - 4), size, size * 0.28, tips=4), "#ffe9a8")
    canvas.disc(78, 34, 13, "#f7a072").disc(73, 30, 3, "#e98757").disc(82, 38, 4.2, "#e98757").disc(83, 27, 1.8, "#e98757")
    ring_back, ring_front = (arc(26, 168, 27, 6.5, first=first, last=last) for first, last in ((180, 360), (0, 180)))
    canvas.line(turn(ring_back, (26, 168), -18), 2.2, "#ffd9e8")
    canvas.disc(26, 168, 15.5, "#ef6aa7").ellipse(21, 161, 4.5, 2.4, "#f9a8cb", turned=-35)
    canvas.line(turn(ring_front, (26, 168), -18), 2.2, "#ffd9e8")


def orbits(canvas: Canvas) -> None:
    """Orbits around a sun, in pastels."""
    canvas.fill("#f3efff")
    sun = (50.0, canvas.height * 0.42)
    planets = ((24, 40, 3, "#ff9f80"), (38, 160, 4.6, "#7cc6b8"), (54, 285, 3.6, "#f6c453"), (70, 75, 6.4, "#9b8cf2"))
    for radius in (24, 38, 54, 70, 88, 108):
        canvas.ring(*sun, radius, 0.55, "#cbbff5")
    canvas.disc(*sun, 13, "#ffcf70").disc(*sun, 10, "#ffb84d")
    for radius, angle, size, colour in (*planets, (88, 118, 5.4, "#f28fb0"), (108, 258, 4.4, "#7fb2ec")):
        x, y = sun[0] + radius * math.cos(math.radians(angle)), sun[1] + radius * math.sin(math.radians(angle))
        canvas.disc(x, y, size + 1.4, "#f3efff").disc(x, y, size, colour)
        canvas.ellipse(x - size * 0.35, y - size * 0.4, size * 0.28, size * 0.18, "#ffffff", turned=-35)


def _below(canvas: Canvas, edge: list[Point], colour: str) -> None:
    canvas.polygon([*edge, (UNITS + 2, canvas.height + 2), (-2, canvas.height + 2)], colour)


def _chip(canvas: Canvas, random: Random, centre: Point, size: float, colour: str) -> None:
    corners = random.randint(5, 7)
    points = [
        (
            centre[0] + size * random.uniform(0.65, 1) * math.cos(2 * math.pi * corner / corners),
            centre[1] + size * random.uniform(0.65, 1) * math.sin(2 * math.pi * corner / corners),
        )
        for corner in range(corners)
    ]
    canvas.polygon(turn(points, centre, random.uniform(0, 360)), colour)


def _ray(middle: Point, degrees: float) -> Point:
    return middle[0] + 300 * math.cos(math.radians(degrees)), middle[1] + 300 * math.sin(math.radians(degrees))
