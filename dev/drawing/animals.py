"""Cats and dogs."""

from dev.drawing.canvas import Canvas, arc, mirrored

INK = "#2b2140"


def _face(canvas: Canvas, *, eyes: str = INK, nose: str = "#ff8fa3", mouth: str = INK) -> None:
    for x in (36, 64):
        canvas.disc(x, 53, 5.2, eyes, tall=6.6).disc(x + 1.6, 50.4, 1.9, "#ffffff")
    canvas.shape([(45.5, 63), (54.5, 63), (50, 68.5)], nose)
    for points in (arc(45.2, 68, 4.8, 5, first=0, last=150), arc(54.8, 68, 4.8, 5, first=30, last=180)):
        canvas.line(points, 1.7, mouth)


def _whiskers(canvas: Canvas, colour: str) -> None:
    for y, fall in ((61, -2.5), (66, 0.5), (71, 3.5)):
        canvas.line([(27, y), (8, y + fall)], 1.2, colour).line([(73, y), (92, y + fall)], 1.2, colour)


def _cat(canvas: Canvas, fur: str, inner_ear: str) -> None:
    ear = [(17, 54), (14, 18), (19, 14), (46, 32), (40, 56)]
    for side in (ear, mirrored(ear)):
        canvas.polygon(side, fur)
    inner = [(21, 40), (20, 24), (35, 33)]
    for side in (inner, mirrored(inner)):
        canvas.polygon(side, inner_ear)
    canvas.shape([(50, 29), (72, 33), (86, 50), (84, 70), (68, 84), (50, 87), (32, 84), (16, 70), (14, 50), (28, 33)], fur)


def tabby(canvas: Canvas) -> None:
    _cat(canvas, "#f79a3e", "#ffc9b0")
    for points in ([(50, 28), (50, 41)], [(41, 30), (42.5, 39)], [(59, 30), (57.5, 39)]):
        canvas.line(points, 3.4, "#d86f1c")
    for points in ([(15.5, 57), (25, 58)], [(17, 66), (25.5, 65)]):
        canvas.line(points, 2.8, "#d86f1c").line(mirrored(points), 2.8, "#d86f1c")
    canvas.ellipse(50, 71, 17, 12.5, "#fff1de")
    for x in (29, 71):
        canvas.disc(x, 65, 4.6, "#ff9f80")
    _face(canvas)
    _whiskers(canvas, "#7a3c10")


def black_cat(canvas: Canvas) -> None:
    _cat(canvas, INK, "#7b5ea7")
    for x in (35, 65):
        canvas.disc(x, 53, 9, "#ffd84d", tall=9.6).disc(x, 53, 2.9, INK, tall=8).disc(x + 2.6, 48.8, 1.8, "#ffffff")
    canvas.shape([(46.2, 64), (53.8, 64), (50, 68.5)], "#ff8fb1")
    for points in (arc(45.4, 68, 4.6, 4.6, first=0, last=150), arc(54.6, 68, 4.6, 4.6, first=30, last=180)):
        canvas.line(points, 1.5, "#b9a6d9")
    _whiskers(canvas, "#9d88c7")


def paw(canvas: Canvas) -> None:
    pad = [(50, 45), (64, 51), (76, 66), (75, 80), (64, 84), (50, 80), (36, 84), (25, 80), (24, 66), (36, 51)]
    canvas.shape(pad, "#ff7fa8")
    for x, y, turned in ((18, 46, -24), (38, 26, -8), (62, 26, 8), (82, 46, 24)):
        canvas.ellipse(x, y, 9.4, 13, "#ff7fa8", turned=turned)
        canvas.ellipse(x - 2.4, y - 4, 2.6, 4.4, "#ffb3cb", turned=turned)
    canvas.ellipse(39, 58, 5, 3.4, "#ffb3cb", turned=-38)


def _dog(canvas: Canvas, fur: str, ears: str, muzzle: str) -> None:
    canvas.shape([(50, 16), (70, 20), (82, 38), (80, 64), (67, 82), (50, 87), (33, 82), (20, 64), (18, 38), (30, 20)], fur)
    ear = [(30, 17), (19, 18), (8, 33), (6, 56), (13, 70), (22, 66), (27, 48), (33, 30)]
    for side in (ear, mirrored(ear)):
        canvas.shape(side, ears)
    canvas.ellipse(50, 69, 20, 15.5, muzzle)


def _snout(canvas: Canvas) -> None:
    for x in (37, 63):
        canvas.disc(x, 46, 5, INK, tall=6.2).disc(x + 1.6, 43.5, 1.8, "#ffffff")
    canvas.shape([(44, 72), (56, 72), (56.5, 83), (50, 88), (43.5, 83)], "#ff6f86").line([(50, 74), (50, 82)], 1.2, "#d94a66")
    for points in (arc(43.5, 68, 6.5, 6.5, first=0, last=160), arc(56.5, 68, 6.5, 6.5, first=20, last=180)):
        canvas.line(points, 1.9, INK)
    canvas.shape([(41, 58), (50, 56), (59, 58), (56, 65), (50, 69), (44, 65)], INK).ellipse(46.5, 59.8, 3, 1.6, "#8577a3")


def puppy(canvas: Canvas) -> None:
    _dog(canvas, "#d99a5b", "#8a5430", "#fbe3c4")
    canvas.shape([(50, 17), (56, 30), (54, 52), (50, 58), (46, 52), (44, 30)], "#fbe3c4")
    _snout(canvas)


def patch(canvas: Canvas) -> None:
    _dog(canvas, "#f4f1ec", "#3a3350", "#ffffff")
    canvas.shape([(57, 26), (72, 26), (78, 42), (73, 57), (60, 57), (54, 42)], "#3a3350")
    for x, y, radius in ((33, 30, 3.4), (29, 60, 2.8), (44, 24, 2.2), (68, 70, 2)):
        canvas.disc(x, y, radius, "#3a3350")
    canvas.disc(63, 46, 6.6, "#ffffff", tall=7.8)
    _snout(canvas)


def bone(canvas: Canvas) -> None:
    for shade, moved in (("#e8d3ae", 2.4), ("#fff6e3", 0)):
        canvas.line([(32, 62 + moved), (68, 38 + moved)], 20, shade)
        for x, y in ((19, 60), (31, 77), (69, 23), (81, 40)):
            canvas.disc(x, y + moved, 12, shade)
    canvas.line([(38, 54), (60, 39.5)], 2.4, "#ffffff")
