"""Texts as they are printed: letters of our own fonts, set line by line, in one colour on nothing.

FreeType comes inside Pillow's wheel, so the same letters come out on every machine. Pillow's richer layout (RAQM) is not used: it
takes FriBiDi from the machine that it runs on, and another one, or none, sets other lines. So each letter is put in its place
here, by the measures of its font (`metrics`). What this cannot do are scripts whose letters join or run from right to left; our
fonts leave those out, so that they are reported as missing instead of printed wrongly.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Final

from PIL import Image, ImageColor, ImageDraw, ImageFont

from adapters.rendering.fonts import FALLBACKS, font_file
from adapters.rendering.metrics import font_metrics
from models.design import TextAlign, TextLayer
from models.errors import OrderRefused, RefusalCode

LINE_HEIGHT: Final = 1.2
"""Distance of two lines, in em."""
LARGEST_SIDE: Final = 3.2
"""In widths of the area: longer than the diagonal of any shell (at most 1 : 3), so what is refused could not be seen whole."""

_LINE_BREAKS: Final = re.compile("[\n\u2028\u2029]")
_KEYCAP: Final = "\u20e3"
"""Frames the digit before it; our letters have no frames."""
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
class _Letter:
    """A character in the font that has it; `x` and `y` are where its base line begins, in em."""

    character: str
    path: Path
    x: float
    y: float = 0.0


@dataclass(frozen=True, slots=True)
class _Line:
    letters: tuple[_Letter, ...]
    length: float


def draw_text(layer: TextLayer, *, width: int) -> DrawnText:
    """Draw a text for an area `width` px wide; its rotation and place are the caller's.

    Lines are 1.2 em apart, and ascent and descent of the font are in the middle of a line, as browsers have it. Raises
    `OrderRefused`: `UNKNOWN_FONT`, or `BAD_DESIGN` for a text larger than any case.
    """
    path = font_file(layer.font)
    size = max(1, round(layer.size * width))
    texts, missing = _drawable(layer.text, path)
    lines = [_line(found) for found in texts]
    block = (max(line.length for line in lines) * size, len(lines) * LINE_HEIGHT * size)
    with _FREETYPE:
        mask = _drawn(list(_placed(lines, layer.align, path)), size, block, limit=round(LARGEST_SIDE * width))
    solid = [Image.new("L", mask.size, value) for value in ImageColor.getrgb(layer.color)[:3]]
    image = Image.merge("RGBA", (*solid, mask))
    return DrawnText(image.tobytes(), image.width, image.height, mask.getbbox() or (0, 0, 0, 0), missing)


def _drawable(text: str, path: Path) -> tuple[list[list[tuple[Path, str]]], str]:
    """Return each line's characters with the font that has them, and the characters that none has."""
    missing: dict[str, None] = {}
    lines = []
    for line in _LINE_BREAKS.split(unicodedata.normalize("NFC", text)):
        found: list[tuple[Path, str]] = []
        for character in line:
            if _has_no_shape(character) or (found and ord(character) in _SKIN_TONES):
                continue
            visible = " " if unicodedata.category(character) == "Zs" else character
            font = next((font for font in (path, *FALLBACKS) if visible in font_metrics(font).glyphs), None)
            if font is None:
                missing[character] = None
            else:
                found.append((font, visible))
        lines.append(found)
    return lines, "".join(missing)


def _has_no_shape(character: str) -> bool:
    """Whether it only says how its neighbours are to be shown: joiners, marks of direction, variation selectors."""
    if character == _KEYCAP or unicodedata.category(character) == "Cf":
        return True
    return unicodedata.name(character, "").startswith("VARIATION SELECTOR")


def _line(found: list[tuple[Path, str]]) -> _Line:
    letters: list[_Letter] = []
    x = 0.0
    for path, character in found:
        metrics = font_metrics(path)
        if letters and letters[-1].path == path:
            x += metrics.kern(letters[-1].character, character) / metrics.units_per_em
        letters.append(_Letter(character, path, x))
        x += metrics.advance(character) / metrics.units_per_em
    return _Line(tuple(letters), x)


def _placed(lines: list[_Line], align: TextAlign, path: Path) -> Iterator[_Letter]:
    """Put the lines around the middle of the block, which is (0, 0)."""
    metrics = font_metrics(path)
    base = (metrics.ascent - metrics.descent) / 2 / metrics.units_per_em
    widest = max(line.length for line in lines)
    for number, line in enumerate(lines):
        x = -widest / 2 + _INDENT[align] * (widest - line.length)
        y = (number + 0.5 - len(lines) / 2) * LINE_HEIGHT + base
        for letter in line.letters:
            yield replace(letter, x=x + letter.x, y=y)


def _drawn(letters: list[_Letter], size: int, block: tuple[float, float], limit: int) -> Image.Image:
    """Draw onto a mask whose middle is the block's, and which is large enough for what overhangs the block."""
    half_width, half_height = (side / 2 for side in block)
    for letter in letters:
        left, top, right, bottom = _font(letter.path, size).getbbox(letter.character, anchor="ls")
        half_width = max(half_width, -(letter.x * size + left), letter.x * size + right)
        half_height = max(half_height, -(letter.y * size + top), letter.y * size + bottom)
    half = (ceil(half_width) + 1, ceil(half_height) + 1)
    if 2 * max(half) > limit:
        raise OrderRefused(
            "This text is larger than the whole case. Please make it shorter, or its letters smaller.",
            code=RefusalCode.BAD_DESIGN,
            facts={"width": 2 * half[0], "height": 2 * half[1], "limit": limit},
        )
    mask = Image.new("L", (2 * half[0], 2 * half[1]))
    draw = ImageDraw.Draw(mask)
    for letter in letters:
        place = (half[0] + round(letter.x * size), half[1] + round(letter.y * size))
        draw.text(place, letter.character, fill=255, font=_font(letter.path, size), anchor="ls")
    return mask


@lru_cache(maxsize=64)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
