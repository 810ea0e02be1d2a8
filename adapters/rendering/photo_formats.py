"""What a photo really is, told by its first bytes: the name and the type that somebody gave it prove nothing."""

import re
from enum import StrEnum
from typing import Final

from models.errors import OrderRefused, RefusalCode


class PhotoFormat(StrEnum):
    """The formats that photos are taken in."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    HEIC = "HEIC"


PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis"})
"""A still picture in HEVC; `mif1`, which many phones put first, only says that it is some still picture."""
_MOVING_BRANDS: Final = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1", b"avis"})
_MAX_BRANDS: Final = 32

_FOREIGN: Final = (
    (b"GIF87a", "a GIF"),
    (b"GIF89a", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF or a camera's raw file"),
    (b"MM\x00*", "a TIFF or a camera's raw file"),
    (b"%PDF-", "a PDF"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"8BPS", "a Photoshop file"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000"),
    (b"PK\x03\x04", "an archive"),
)
"""What people take for photos, by its first bytes and in their words."""

_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|!--|svg|html)", re.IGNORECASE)


def sniff(data: bytes) -> PhotoFormat:
    """Return the format. Raises `OrderRefused` (`BAD_IMAGE`), in the words of what it is instead where that can be told."""
    if data.startswith(b"\xff\xd8\xff"):
        return PhotoFormat.JPEG
    if data.startswith(PNG_SIGNATURE):
        return PhotoFormat.PNG
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return PhotoFormat.WEBP
    if data[4:8] == b"ftyp":
        return _sniff_boxes(data)
    raise _foreign(data)


def _sniff_boxes(data: bytes) -> PhotoFormat:
    """Tell HEIC from its relatives, which come in the same boxes: AVIF, sequences, films."""
    size = min(int.from_bytes(data[:4], "big"), 16 + 4 * _MAX_BRANDS)
    major, *compatible = (data[at : at + 4] for at in (8, *range(16, size - 3, 4)))
    if major in _MOVING_BRANDS:
        raise moving()
    if major in _HEIC_BRANDS or (major == b"mif1" and not _HEIC_BRANDS.isdisjoint(compatible)):
        return PhotoFormat.HEIC
    if major == b"avif" or b"avif" in compatible:
        raise _refused_as("an AVIF")
    raise _refused_as("a film")


def is_animated_png(data: bytes) -> bool:
    """Say whether a PNG moves: then it says so before its pixels."""
    at = len(PNG_SIGNATURE)
    while (kind := data[at + 4 : at + 8]) not in {b"IDAT", b""}:
        if kind == b"acTL":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def _foreign(data: bytes) -> OrderRefused:
    for beginning, name in _FOREIGN:
        if data.startswith(beginning):
            return _refused_as(name)
    if _MARKUP.match(data, 0, 200):
        return _refused_as("a drawing or a web page")
    return damaged()


def _refused_as(name: str) -> OrderRefused:
    return OrderRefused(
        f"This is {name}, and photos can be JPEG, PNG, WebP or HEIC. Please save it as one of these and send it again.",
        code=RefusalCode.BAD_IMAGE,
    )


def moving() -> OrderRefused:
    """Return the refusal of an animation or a sequence."""
    return OrderRefused("This picture moves, a phone case cannot. Please choose a still one.", code=RefusalCode.BAD_IMAGE)


def damaged() -> OrderRefused:
    """Return the refusal of a file that cannot be read."""
    return OrderRefused(
        "This file is damaged or is not a photo. Please choose another one, or save it again as JPEG.", code=RefusalCode.BAD_IMAGE
    )
