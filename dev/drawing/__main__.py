"""Draws the stickers and backgrounds that come with the project: `python -m dev.drawing [DIR]`. The same pixels every time."""

import sys
from collections.abc import Callable
from pathlib import Path

from adapters.stickers.__main__ import OWN_SET
from dev.drawing import animals, backgrounds, things
from dev.drawing.canvas import Canvas
from models.decoration import DecorationKind

Drawing = Callable[[Canvas], None]

STICKERS: dict[str, tuple[Drawing, ...]] = {
    "CAT": (animals.tabby, animals.black_cat, animals.paw),
    "DOG": (animals.puppy, animals.patch, animals.bone),
    "LOVE": (things.glossy_heart, things.arrow_heart, things.bubble),
    "POP-ART": (things.burst, things.lips, things.wow_eye),
    "POSITIVE-VIBE": (things.smiley, things.daisy, things.peace),
    "RETRO": (things.sunset, things.cassette, things.rainbow),
    "SPACE": (things.planet, things.rocket, things.moon),
}
BACKGROUNDS: dict[str, tuple[Drawing, ...]] = {
    "ABSTRACT": (backgrounds.hills, backgrounds.terrazzo),
    "RETRO": (backgrounds.waves, backgrounds.sunburst),
    "SPACE": (backgrounds.night, backgrounds.orbits),
}

STICKER_SIZE = 512
MARGIN = 6
"""Hundredths that are left free around a sticker, for its border."""
BACKGROUND_SIZE = (1400, 3000)
"""A little more than the tallest case takes."""


def draw_sticker(drawing: Drawing, path: Path) -> None:
    canvas = Canvas(STICKER_SIZE, STICKER_SIZE, margin=MARGIN)
    drawing(canvas)
    canvas.cut_out().save(path, "WEBP", lossless=True, quality=100, method=6)


def draw_background(drawing: Drawing, path: Path) -> None:
    canvas = Canvas(*BACKGROUND_SIZE, enlarged=3)
    drawing(canvas)
    canvas.picture().save(path, "WEBP", lossless=True, quality=100, method=6)


def main(folder: Path) -> None:
    for kind, packs, draw, ending in (
        (DecorationKind.STICKER, STICKERS, draw_sticker, "webp"),
        (DecorationKind.BACKGROUND, BACKGROUNDS, draw_background, "webp"),
    ):
        for pack, drawings in packs.items():
            place = folder / kind / pack
            place.mkdir(parents=True, exist_ok=True)
            for number, drawing in enumerate(drawings, start=1):
                draw(drawing, place / f"{number}.{ending}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OWN_SET)
