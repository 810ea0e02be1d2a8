"""Space, love, retro, pop art and good vibes."""

import math
from collections.abc import Sequence

from dev.drawing.canvas import Canvas, Point, arc, heart, oval, star, turn

INK = "#2b2140"


def planet(canvas: Canvas) -> None:
    back, front = (arc(50, 50, 46, 13, first=first, last=last) for first, last in ((180, 360), (0, 180)))
    canvas.line(turn(back, (50, 50), -20), 5, "#ffd166")
    ball = canvas.like().disc(50, 50, 28, "#6c5ce7")
    bands = canvas.like()
    for y, width, colour in ((34, 9, "#8f7cf5"), (52, 6, "#a29bfe"), (66, 8, "#5a48d0")):
        bands.line(turn([(10, y), (90, y)], (50, 50), -20), width, colour)
    canvas.put(ball).put(bands.inside(ball))
    canvas.ellipse(40, 36, 5.5, 3.4, "#c9c2ff", turned=-35)
    canvas.line(turn(front, (50, 50), -20), 5, "#ffd166").line(turn(front, (50, 50), -20)[4:-4], 1.4, "#fff0bf")


def rocket(canvas: Canvas) -> None:
    tilt, middle = 35, (50, 50)
    parts = (
        ([(43, 76), (50, 98), (57, 76)], "#ff9f1c"),
        ([(46, 76), (50, 90), (54, 76)], "#ffe066"),
        ([(38, 52), (24, 68), (26, 80), (40, 72)], "#e63950"),
        ([(62, 52), (76, 68), (74, 80), (60, 72)], "#e63950"),
    )
    for points, colour in parts:
        canvas.polygon(turn(points, middle, tilt), colour)
    body = [(50, 4), (60, 18), (64, 40), (62, 62), (58, 76), (42, 76), (38, 62), (36, 40), (40, 18)]
    hull = canvas.like().shape(turn(body, middle, tilt), "#f1f3fa")
    nose = canvas.like().polygon(turn([(20, -10), (80, -10), (80, 24), (20, 24)], middle, tilt), "#e63950")
    shade = canvas.like().polygon(turn([(53, 24), (80, 24), (80, 90), (57, 90)], middle, tilt), "#d3d9ea")
    canvas.put(hull).put(shade.inside(hull)).put(nose.inside(hull))
    ((x, y),) = turn([(50, 42)], middle, tilt)
    canvas.disc(x, y, 9, INK).disc(x, y, 6.6, "#4cc9f0").disc(x - 2, y - 2.4, 2, "#d7f5ff")


def moon(canvas: Canvas) -> None:
    canvas.put(canvas.like().disc(47, 52, 39, "#ffd84d").without(canvas.like().disc(63, 41, 32, "#000000")))
    for x, y, radius in ((22, 47, 3.6), (33, 72, 5), (18, 60, 2.2)):
        canvas.disc(x, y, radius, "#f5b82e")
    for x, y, size in ((66, 38, 14), (84, 60, 8)):
        canvas.polygon(star(x, y, size, size * 0.45), "#fff2b0")


def glossy_heart(canvas: Canvas) -> None:
    whole = canvas.like().polygon(heart(50, 48, 88), "#d9144a")
    canvas.put(whole).put(canvas.like().polygon(heart(46, 43, 86), "#ff2e63").inside(whole))
    canvas.ellipse(30, 33, 10, 6.4, "#ff9db6", turned=-38).disc(21.5, 46, 2.8, "#ff9db6")


def arrow_heart(canvas: Canvas) -> None:
    canvas.line([(8, 80), (36, 59)], 4, "#8a5430")
    canvas.polygon(heart(50, 48, 72), "#ff5d8f")
    canvas.ellipse(33, 36, 7, 4.4, "#ffb3ca", turned=-38)
    canvas.line([(62, 40), (86, 22)], 4, "#8a5430")
    canvas.polygon([(95, 15), (90.5, 30), (80, 16)], "#ffb703")
    for x, y in ((8, 80), (15, 75)):
        canvas.line([(x, y), (x - 1.5, y - 9)], 3.2, "#4cc9f0").line([(x, y), (x + 7.5, y + 5)], 3.2, "#4cc9f0")


def bubble(canvas: Canvas) -> None:
    canvas.polygon([(26, 66), (24, 92), (50, 68)], "#7b2ff7").box(8, 12, 92, 74, "#7b2ff7", corner=22)
    canvas.polygon(heart(50, 42, 42), "#ffffff")


def sunset(canvas: Canvas) -> None:
    sun = canvas.like().disc(50, 50, 42, "#000000")
    sky = canvas.like()
    for band, colour in enumerate(("#ffe066", "#ffc145", "#ff9e4a", "#ff7759", "#f9516e", "#dd3a86", "#b02a9b")):
        sky.box(0, 8 + 12 * band, 100, 20 + 12 * band, colour)
    canvas.put(sky.inside(sun))
    stripes = canvas.like()
    for step in range(5):
        stripes.box(0, 52 + step * 9, 100, 53.6 + step * 9.5, INK)
    canvas.put(stripes.inside(sun))
    palms = canvas.like().box(0, 86, 100, 100, INK)
    for foot, top, size in ((30, (36, 52), 17), (68, (63, 60), 13)):
        palms.line([(foot, 92), ((foot + top[0]) / 2 - 1, 74), top], size / 7, INK)
        for angle, droop in ((-175, 9), (-150, 3), (-105, -1), (-75, -1), (-30, 3), (-5, 9)):
            x, y = oval(*top, size, size * 0.8, math.radians(angle))
            bend = ((top[0] + x) / 2, (top[1] + y) / 2 - size * 0.16)
            palms.polygon(_leaf(top, bend, (x, y + droop * size / 17), thick=size * 0.2), INK)
    canvas.put(palms.inside(sun))


def _leaf(root: Point, bend: Point, tip: Point, *, thick: float) -> list[Point]:
    """Bend from root to tip, thick in the middle."""
    edges: list[list[Point]] = []
    for lift in (-thick / 2, thick):
        middle = (bend[0], bend[1] + lift)
        steps = (step / 16 for step in range(17))
        edges.append([(_bent(root[0], middle[0], tip[0], t), _bent(root[1], middle[1], tip[1], t)) for t in steps])
    return [*edges[0], *reversed(edges[1])]


def _bent(first: float, middle: float, last: float, t: float) -> float:
    return (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last


def cassette(canvas: Canvas) -> None:
    canvas.box(6, 22, 94, 80, INK, corner=6).box(12, 28, 88, 66, "#ff9e4a", corner=4)
    for step, colour in enumerate(("#ffd166", "#ff6b6b", "#c44d96", "#4cc9f0")):
        canvas.box(12, 31 + step * 3.4, 88, 34.4 + step * 3.4, colour)
    canvas.box(20, 42, 80, 61, "#fdf3dc", corner=9).box(36, 46, 64, 57, INK, corner=3)
    for x in (29, 71):
        canvas.disc(x, 51.5, 7, INK).disc(x, 51.5, 4.4, "#ffffff")
        for step in range(6):
            canvas.disc(*oval(x, 51.5, 4.4, 4.4, step * math.pi / 3), 1.1, INK)
    canvas.polygon([(26, 80), (31, 69), (69, 69), (74, 80)], "#493a68")
    for x in (38, 50, 62):
        canvas.disc(x, 75, 1.8, INK)


def rainbow(canvas: Canvas) -> None:
    for radius, colour in ((46, "#e4572e"), (38.5, "#f3a712"), (31, "#fbe08d"), (23.5, "#7fb685"), (16, "#2f7e86")):
        canvas.polygon(arc(50, 68, radius, radius, first=180, last=360), colour)
    hole = arc(50, 68, 8.5, 8.5, first=180, last=360)
    canvas.polygon(hole, "#fff6e3")
    for x, y, radius in ((8, 70, 9), (20, 64, 11), (31, 71, 8.4), (69, 71, 8.4), (80, 64, 11), (92, 70, 7.6)):
        canvas.disc(x, y, radius, "#fff6e3")
    canvas.box(3, 68, 36, 79, "#fff6e3", corner=5.4).box(64, 68, 97, 79, "#fff6e3", corner=5.4)


def burst(canvas: Canvas) -> None:
    canvas.polygon(star(50, 50, 47, 31, tips=12, turned=-80), INK)
    canvas.polygon(star(50, 50, 43, 28.5, tips=12, turned=-80), "#ff2e63")
    field = canvas.like().polygon(star(50, 50, 33, 23, tips=10), "#ffe14d")
    canvas.put(field).put(_dots(canvas, "#ff9e1c", faint_at=(36, 34)).inside(field))
    bolt: list[Point] = [(57, 20), (32, 54), (47, 54), (41, 80), (69, 43), (53, 43)]
    canvas.polygon(_outset(bolt, 3), INK).polygon(bolt, "#ffffff")


def _dots(canvas: Canvas, colour: str, *, faint_at: Point, largest: float = 2.2) -> Canvas:
    """A halftone raster whose dots grow with the distance from a point."""
    dots = canvas.like()
    for row in range(27):
        for column in range(27):
            x, y = column * 4 + (2 if row % 2 else 0), row * 4.0
            dots.disc(x, y, min(largest, 0.35 + math.dist((x, y), faint_at) / 22), colour)
    return dots


def _outset(points: Sequence[Point], by: float) -> list[Point]:
    x, y = sum(point[0] for point in points) / len(points), sum(point[1] for point in points) / len(points)
    return [
        (px + by * (px - x) / math.dist((px, py), (x, y)), py + by * (py - y) / math.dist((px, py), (x, y))) for px, py in points
    ]


def lips(canvas: Canvas) -> None:
    outline = [
        (6, 48),
        (24, 33),
        (40, 25),
        (50, 31),
        (60, 25),
        (76, 33),
        (94, 48),
        (80, 66),
        (62, 77),
        (50, 79),
        (38, 77),
        (20, 66),
    ]
    mouth = canvas.like().shape(outline, "#e5173f")
    canvas.put(mouth).put(_dots(canvas, "#b30d37", faint_at=(46, 30), largest=1.7).inside(mouth))
    canvas.shape([(18, 48), (34, 44), (50, 47), (66, 44), (82, 48), (66, 56), (50, 58), (34, 56)], INK)
    canvas.shape([(28, 46.5), (40, 45), (50, 47.5), (60, 45), (72, 46.5), (60, 51), (50, 52.4), (40, 51)], "#ffffff")
    canvas.ellipse(33, 36.5, 6.5, 2.4, "#ff8fa6", turned=-28).ellipse(40, 68, 9, 2.8, "#ff6f8d", turned=14)


def wow_eye(canvas: Canvas) -> None:
    canvas.shape([(4, 52), (24, 30), (50, 22), (76, 30), (96, 52), (76, 72), (50, 79), (24, 72)], INK)
    white = canvas.like().shape([(10, 52), (28, 35), (50, 28), (72, 35), (90, 52), (72, 67), (50, 73), (28, 67)], "#ffffff")
    iris = canvas.like().disc(50, 50, 21, "#00b4d8")
    canvas.put(white).put(iris.inside(white)).put(
        _dots(canvas, "#0077b6", faint_at=(46, 44), largest=1.7).inside(iris).inside(white)
    )
    canvas.disc(50, 50, 10.5, INK).disc(56, 43, 5, "#ffffff").disc(45, 56, 2.2, "#ffffff")
    for angle in (-150, -125, -90, -55, -30):
        canvas.line([oval(50, 52, 42, 27, math.radians(angle)), oval(50, 52, 51, 43, math.radians(angle))], 3, INK)


def smiley(canvas: Canvas) -> None:
    canvas.disc(50, 50, 44, "#ffd93d")
    canvas.polygon([*arc(50, 50, 44, 44, first=20, last=160), *reversed(arc(50, 44, 46, 42, first=20, last=160))], "#f7b801")
    for x in (36, 64):
        canvas.disc(x, 41, 4.8, INK, tall=8)
    canvas.polygon(arc(50, 54, 25, 23, first=0, last=180), INK)
    tongue = canvas.like().disc(50, 80, 15, "#ff5d73", tall=12)
    canvas.put(tongue.inside(canvas.like().polygon(arc(50, 54, 25, 23, first=0, last=180), INK)))
    canvas.ellipse(28, 22, 7, 3.4, "#fff0a8", turned=-40)


def daisy(canvas: Canvas) -> None:
    for step in range(10):
        x, y = oval(50, 50, 27, 27, math.radians(step * 36))
        canvas.ellipse(x, y, 18, 10.4, "#ff8ec7" if step % 2 else "#ffa9d6", turned=step * 36)
    canvas.disc(50, 50, 16.5, "#ffd23f").disc(50, 52, 13.5, "#f7b801").disc(50, 50, 13, "#ffd23f")
    for x in (44.5, 55.5):
        canvas.disc(x, 47.6, 1.9, INK, tall=2.6)
    canvas.line(arc(50, 50, 6, 5.4, first=20, last=160), 1.6, INK)


def peace(canvas: Canvas) -> None:
    disc = canvas.like().disc(50, 50, 44, "#000000")
    wheel = canvas.like()
    for step, colour in enumerate(("#ff595e", "#ff924c", "#ffca3a", "#8ac926", "#1982c4", "#6a4c93")):
        wheel.polygon([(50, 50), *arc(50, 50, 70, 70, first=step * 60 - 90, last=step * 60 - 30)], colour)
    spokes = canvas.like()
    for tip in ((50, 92), oval(50, 50, 42, 42, math.radians(45)), oval(50, 50, 42, 42, math.radians(135)), (50, 8)):
        spokes.line([(50, 50), tip], 7.5, INK)
    canvas.put(wheel.inside(disc)).put(spokes.inside(disc)).ring(50, 50, 45, 7.5, INK)
