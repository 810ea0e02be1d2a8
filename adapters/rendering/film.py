"""The film of a film strip: black, with a row of light holes along either side."""

from typing import Final

import pyvips
from PIL import Image, ImageDraw

from adapters.rendering.drawing import solid
from adapters.rendering.layout import FILM_BORDER

BLACK: Final = (0, 0, 0)
_LIGHT: Final = 242
"""Grey of the holes, of 255."""
_WIDTH: Final = 52
_HEIGHT: Final = 38
_RADIUS: Final = 10
_PITCH: Final = 74
"""Pixels from hole to hole; stretched a little so that they end alike at top and bottom."""
_FINE: Final = 4
"""Drawn so much larger and scaled down, for smooth corners."""


def film_border(height: int) -> pyvips.Image:
    """Return one border, as wide as the layout says."""
    count = max(1, round(height / _PITCH))
    border = solid(FILM_BORDER, height, BLACK)
    hole = _hole()
    left = (FILM_BORDER - _WIDTH) // 2
    for number in range(count):
        middle = height * (number + 0.5) / count
        border = border.insert(hole, left, round(middle - _HEIGHT / 2))
    return border


def _hole() -> pyvips.Image:
    large = Image.new("L", (_WIDTH * _FINE, _HEIGHT * _FINE))
    edge = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(edge, radius=_RADIUS * _FINE, fill=_LIGHT)
    small = large.reduce(_FINE)
    grey = pyvips.Image.new_from_memory(small.tobytes(), small.width, small.height, 1, "uchar")
    return grey.bandjoin([grey, grey]).copy(interpretation="srgb")
