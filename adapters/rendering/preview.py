"""The small picture by which a customer judges a design: the print file's own pixels, scaled down."""

from dataclasses import dataclass
from typing import Final

import pyvips

from adapters.rendering import engine  # noqa: F401 - sets libvips up

WIDTH: Final = 500
MAX_BYTES: Final = 100_000
_QUALITIES: Final = (82, 70, 55, 40, 25, 10)
"""Of WebP; the next where the file would have too many bytes."""
_EFFORT: Final = 1
"""Of 6. More takes up to three times as long for files of the same size."""
_LAST_WIDTH: Final = 300
"""For what is too many bytes even then, such as noise."""


@dataclass(frozen=True, slots=True)
class Preview:
    """WebP of at most 100 KB."""

    data: bytes
    width: int
    height: int


def preview_of(image: pyvips.Image) -> Preview:
    """Return the preview of a whole print file's pixels; always the same bytes."""
    for width in (WIDTH, _LAST_WIDTH):
        small = image.resize(width / image.width).copy_memory()
        for quality in _QUALITIES:
            data: bytes = small.webpsave_buffer(Q=quality, effort=_EFFORT, keep="none")
            if len(data) <= MAX_BYTES:
                return Preview(data, small.width, small.height)
    message = f"no preview of at most {MAX_BYTES} bytes could be made"
    raise ValueError(message)
