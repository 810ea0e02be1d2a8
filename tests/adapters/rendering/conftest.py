"""Pictures for the rendering tests, made here so that every byte of them is known."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def encode() -> Encode:
    """Encode an image: `encode(image, "PNG", **options)`."""

    def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
        file = BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    return _encode


@pytest.fixture
def design() -> Image.Image:
    """A small design of a phone's shape, every corner in another colour: turns, flips, shifts and wrong colours show."""
    corners = Image.new("RGB", (2, 2))
    for place, colour in (((0, 0), "red"), ((1, 0), "lime"), ((0, 1), "blue"), ((1, 1), "white")):
        corners.paste(colour, (*place, place[0] + 1, place[1] + 1))
    return corners.resize((1000, 2000), Image.Resampling.BILINEAR)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.fixture
def png_claiming() -> Callable[[int, int], bytes]:
    """A PNG of a few bytes whose header promises `width` × `height` pixels."""

    def _claim(width: int, height: int) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        pixels = zlib.compress(b"\x00" * 100_000)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

    return _claim
