"""Texts as they are printed: letters of our own fonts, set line by line, in one colour on nothing.

FreeType comes inside Pillow's wheel, so the same letters come out on every machine. Pillow's richer layout (RAQM) is not
used: it takes FriBiDi from the machine that it runs on, and another one, or none, sets other lines. Our files carry their
kerning in the form that the plain layout understands. What that one cannot do are scripts whose letters join or run from
right to left; our fonts leave those out, so that they are reported as missing instead of printed wrongly.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import ceil
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFont

from adapters.rendering.fonts import FALLBACKS, characters, font_file
from models.design import DesignWarning, TextAlign, TextLayer, WarningCode
from models.errors import OrderRefused, RefusalCode

LINE_HEIGHT: Final = 1.2
"""Distance of two lines, in em."""
LARGEST_SIDE: Final = 3.0
"""In widths of the area: longer than the diagonal of any shell, so that whatever is refused could not be seen whole."""

_LINE_BREAKS: Final = re.compile("[\n\u2028\u2029]")
_AS_EMOJI: Final = "\ufe0f"
"""Follows a sign that is to be shown as emoji."""
_INDENT: Final = {TextAlign.LEFT: 0.0, TextAlign.CENTER: 0.5, TextAlign.RIGHT: 1.0}
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_FREETYPE: Final = Lock()
"""FreeType's library and its faces are for one thread at a time."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are just outside."""


@dataclass(frozen=True, slots=True)
class DrawnText:
    """A block of text, level. Its middle is the middle of the lines: put it where the layer's `x` and `y` are.

    Attributes:
        rgba: Rows of straight (not premultiplied) RGBA, `width` × `height` × 4 bytes.
        ink: What the letters cover; smaller than the block, and empty (all 0) if nothing was drawn.
        missing: The characters that no font of ours has, each once; they are not drawn.
    """

    rgba: bytes
    width: int
    height: int
    ink: Box
    missing: str


@dataclass(frozen=True, slots=True)
class _Run:
    text: str
    font: ImageFont.FreeTypeFont
    length: float


@dataclass(frozen=True, slots=True)
class _Line:
    runs: tuple[_Run, ...]

    @property
    def length(self) -> float:
        return sum(run.length for run in self.runs)


def draw_text(layer: TextLayer, *, width: int) -> DrawnText:
    """Draw a text for an area `width` px wide; its rotation and place are the caller's.

    Lines are 1.2 em apart, and ascent and descent of the font are in the middle of a line, as browsers have it. Raises
    `OrderRefused`: `UNKNOWN_FONT`, or `BAD_DESIGN` for a text larger than any case.
    """
    path = font_file(layer.font)
    size = max(1, round(layer.size * width))
    texts, missing = _drawable(layer.text, path)
    with _FREETYPE:
        lines = [_line(found, size) for found in texts]
        runs = list(_place(lines, layer, path, size))
        block = (max(line.length for line in lines), len(lines) * LINE_HEIGHT * size)
        mask = _drawn(runs, block, round(LARGEST_SIDE * width))
    solid = [Image.new("L", mask.size, value) for value in ImageColor.getrgb(layer.color)[:3]]
    image = Image.merge("RGBA", (*solid, mask))
    return DrawnText(image.tobytes(), image.width, image.height, mask.getbbox() or (0, 0, 0, 0), missing)


def missing_warnings(index: int, missing: str) -> list[DesignWarning]:
    """Say which characters of a text are not printed; nothing if there are none."""
    if not missing:
        return []
    return [
        DesignWarning(
            code=WarningCode.MISSING_CHARACTER,
            message=f"We cannot print these characters, so they are left out: {' '.join(missing)} "
            "Please check whether your text still says what you want.",
            layer=f"texts[{index}]",
            facts={"characters": missing},
        )
    ]


def _drawable(text: str, path: Path) -> tuple[list[list[tuple[Path, str]]], str]:
    """Return each line's characters with the font that has them, and the characters that none has."""
    missing: dict[str, None] = {}
    lines = []
    for line in _LINE_BREAKS.split(unicodedata.normalize("NFC", text)):
        found: list[tuple[Path, str]] = []
        for character, following in zip(line, f"{line[1:]} ", strict=True):
            if _has_no_shape(character) or (found and ord(character) in _SKIN_TONES):
                continue
            visible = " " if unicodedata.category(character) == "Zs" else character
            fonts = (FALLBACKS[-1], path, *FALLBACKS) if following == _AS_EMOJI else (path, *FALLBACKS)
            font = next((font for font in fonts if visible in characters(font)), None)
            if font is None:
                missing[character] = None
            else:
                found.append((font, visible))
        lines.append(found)
    return lines, "".join(missing)


def _has_no_shape(character: str) -> bool:
    """Whether it only says how its neighbours are to be shown: joiners, marks of direction, variation selectors."""
    return unicodedata.category(character) == "Cf" or unicodedata.name(character, "").startswith("VARIATION SELECTOR")


def _line(found: list[tuple[Path, str]], size: int) -> _Line:
    runs = []
    for path, pairs in groupby(found, key=itemgetter(0)):
        text, font = "".join(character for _, character in pairs), _font(path, size)
        runs.append(_Run(text, font, font.getlength(text)))
    return _Line(tuple(runs))


def _place(lines: list[_Line], layer: TextLayer, path: Path, size: int) -> Iterator[tuple[float, float, _Run]]:
    """Say where each run begins, as offsets of its base line from the middle of the block, in px."""
    ascent, descent = _font(path, size).getmetrics()
    widest = max(line.length for line in lines)
    for number, line in enumerate(lines):
        middle = (number + 0.5 - len(lines) / 2) * LINE_HEIGHT * size
        x = -widest / 2 + _INDENT[layer.align] * (widest - line.length)
        for run in line.runs:
            yield x, middle + (ascent - descent) / 2, run
            x += run.length


def _drawn(runs: list[tuple[float, float, _Run]], at_least: tuple[float, float], limit: int) -> Image.Image:
    """Draw onto a mask whose middle is the block's, and which is large enough for what overhangs the block."""
    half_width, half_height = (side / 2 for side in at_least)
    for x, y, run in runs:
        left, top, right, bottom = run.font.getbbox(run.text, anchor="ls")
        half_width = max(half_width, -(x + left), x + right)
        half_height = max(half_height, -(y + top), y + bottom)
    half = (ceil(half_width) + 1, ceil(half_height) + 1)
    if 2 * max(half) > limit:
        raise OrderRefused(
            "This text is larger than the whole case. Please make it shorter, or its letters smaller.",
            code=RefusalCode.BAD_DESIGN,
            facts={"width": 2 * half[0], "height": 2 * half[1], "limit": limit},
        )
    mask = Image.new("L", (2 * half[0], 2 * half[1]))
    draw = ImageDraw.Draw(mask)
    for x, y, run in runs:
        draw.text((half[0] + round(x), half[1] + round(y)), run.text, fill=255, font=run.font, anchor="ls")
    return mask


@lru_cache(maxsize=64)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
