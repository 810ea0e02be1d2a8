"""Customers' photos, made into pictures that are safe to keep and alike to work with.

What comes in is from strangers, in any of four formats, turned, tagged and coloured as cameras like it. What is kept is upright,
8-bit sRGB, at most 25 megapixels, and says nothing but its pixels: no place, no time, no camera, and nothing behind its end.
The same photo always gives the same bytes.

libvips and not Pillow, because it works in strips: a JPEG of 50 megapixels takes 0.3 s and 56 MB, with Pillow 1.3 s and 428 MB.
Its loaders are called by name and never chosen by it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyvips

from adapters.rendering import engine  # noqa: F401 - sets libvips up
from adapters.rendering.colours import in_srgb
from adapters.rendering.heif import HeicPhoto
from adapters.rendering.inspection import CUSTOMER_PHOTO, ImageLimits, check_bytes, check_size, too_many_pixels
from adapters.rendering.jpeg import count_scans
from adapters.rendering.normalized import NormalizedPhoto
from adapters.rendering.photo_formats import PhotoFormat, damaged, is_animated_png, moving, sniff
from models.errors import OrderRefused, RefusalCode

KEPT_PIXELS: Final = 25_000_000
"""More is scaled down to this: a photo that covers the tallest case (1390 × 2950 px) then still has pixels to spare for a zoom of
1.5, and what phones take by default (12 and 24 megapixels) keeps every pixel. Pixels and not the longer side, because it is the
shorter side of a panorama that covers a case."""

WHOLE_PIXELS: Final = 25_000_000
"""Pixels of a photo whose format is unpacked whole (progressive JPEG, interlaced PNG, WebP) rather than in strips."""

MAX_SCANS: Final = 50
"""Passes over a JPEG; encoders make about ten, and each costs the whole picture's time."""

JPEG_QUALITY: Final = 92
"""With all of its colour (4:4:4): no difference is seen in print, and 24 megapixels take about 6 MB."""

PNG_COMPRESSION: Final = 3
"""With all filters: 24 megapixels of a photo take 1.5 s and 29 MB, at level 6 3.6 s and 28 MB."""
MAX_LOSSLESS: Final = 20_000_000
"""Bytes of a PNG that is kept; a larger one becomes a JPEG, or is refused if it is transparent."""

_STRICT: Final = {"access": "sequential", "fail_on": "error"}
"""Truncated files and broken ones are refused; what libjpeg merely grumbles about (odd bytes between segments) is common."""

_INTERLACE_AT: Final = 28
_UPRIGHT: Final = 1
_ALPHA: Final = 3
_OPAQUE: Final = 255
_ORIENTATIONS: Final = range(1, 9)
_STOP: Final = -1
"""Makes libvips end what it writes, with an error."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A photo of which only the header was read.

    Attributes:
        pixels: Opens the picture to be read once, from top to bottom, and decoded meanwhile.
        max_pixels: What its format allows, where that is less than what photos may have.
        is_exact: Kept without loss, because it came so.
    """

    width: int
    height: int
    pixels: Callable[[], pyvips.Image]
    max_pixels: int | None = None
    is_exact: bool = False


def normalize_photo(data: bytes, *, limits: ImageLimits = CUSTOMER_PHOTO) -> NormalizedPhoto:
    """Return the photo as it is to be kept.

    JPEG, WebP and HEIC become JPEG, a PNG stays one (its sharp edges would suffer), and so does whatever is transparent. Nothing
    is taken over as it is, not even a JPEG that needs no change: between its pixels and its end there is room for anything.

    Takes up to 2.5 s of processor time and 310 MB; for what phones take 0.1 to 0.5 s and 20 to 70 MB. A hostile file may crash
    a decoder, and with it the process: that is what `PhotoProcess` is for.

    Raises `OrderRefused`: `IMAGE_TOO_LARGE` (bytes, pixels) or `BAD_IMAGE` (anything else).
    """
    check_bytes(data, limits)
    try:
        source = _OPEN[sniff(data)](data)
        check_size(source.width, source.height, limits)
        if source.max_pixels is not None and source.width * source.height > source.max_pixels:
            raise too_many_pixels(source.width, source.height)
        return _kept(source)
    except pyvips.Error as error:
        raise damaged() from error


def _open_jpeg(data: bytes) -> _Source:
    try:
        scans = count_scans(data)
    except ValueError as error:
        raise damaged() from error
    if scans > MAX_SCANS:
        raise damaged()
    pixels = partial(pyvips.Image.jpegload_buffer, data, **_STRICT)
    image = pixels()
    return _Source(image.width, image.height, pixels, max_pixels=WHOLE_PIXELS if scans > 1 else None)


def _open_png(data: bytes) -> _Source:
    pixels = partial(pyvips.Image.pngload_buffer, data, **_STRICT)
    image = pixels()
    if is_animated_png(data):
        raise moving()
    is_interlaced = data[_INTERLACE_AT] != 0
    return _Source(image.width, image.height, pixels, max_pixels=WHOLE_PIXELS if is_interlaced else None, is_exact=True)


def _open_webp(data: bytes) -> _Source:
    pixels = partial(pyvips.Image.webpload_buffer, data, **_STRICT)
    image = pixels()
    if image.get_n_pages() > 1:
        raise moving()
    return _Source(image.width, image.height, pixels, max_pixels=WHOLE_PIXELS)


def _open_heic(data: bytes) -> _Source:
    photo = HeicPhoto(data)
    return _Source(photo.width, photo.height, photo.decode)


_OPEN: Final[dict[PhotoFormat, Callable[[bytes], _Source]]] = {
    PhotoFormat.JPEG: _open_jpeg,
    PhotoFormat.PNG: _open_png,
    PhotoFormat.WEBP: _open_webp,
    PhotoFormat.HEIC: _open_heic,
}


def _kept(source: _Source) -> NormalizedPhoto:
    image = _normalized(source)
    if source.is_exact or image.hasalpha():
        png = _png(image)
        if png is not None:
            return NormalizedPhoto.of(png, "image/png", image)
        if image.hasalpha():
            raise OrderRefused(
                "This picture is too large for a transparent one. Please choose a smaller one, or one without transparent areas.",
                code=RefusalCode.IMAGE_TOO_LARGE,
                facts={"width": source.width, "height": source.height, "max_size": MAX_LOSSLESS},
            )
        image = _normalized(source)
    jpeg: bytes = image.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", keep="none")
    return NormalizedPhoto.of(jpeg, "image/jpeg", image)


def _normalized(source: _Source) -> pyvips.Image:
    """Return the picture as it is kept, to be read once; only if it has transparent pixels it has an alpha channel."""
    image = _upright(in_srgb(_scaled_down(source.pixels())))
    if image.hasalpha():
        image = image.copy_memory()
        if image[_ALPHA].min() == _OPAQUE:
            image = image[:_ALPHA]
    return image.copy(xres=1.0, yres=1.0)


def _scaled_down(image: pyvips.Image) -> pyvips.Image:
    scale = math.sqrt(KEPT_PIXELS / (image.width * image.height))
    if scale >= 1:
        return image
    if not image.hasalpha():
        return image.resize(scale)
    # What cannot be seen must not bleed into what can.
    return image.premultiply().resize(scale).unpremultiply().cast(image.format)


def _upright(image: pyvips.Image) -> pyvips.Image:
    """Turn the picture as the photographer held the camera; that needs all of it at once."""
    return image if _orientation(image) == _UPRIGHT else image.copy_memory().autorot()


def _orientation(image: pyvips.Image) -> int:
    """Return the orientation of the EXIF tags; what they should not say is ignored, as browsers do."""
    orientation = image.get("orientation") if "orientation" in image.get_fields() else _UPRIGHT
    return orientation if orientation in _ORIENTATIONS else _UPRIGHT


def _png(image: pyvips.Image) -> bytes | None:
    """Return the picture as PNG; None as soon as it has more bytes than are kept."""
    written = bytearray()
    is_full = False

    def write(part: bytes) -> int:
        nonlocal is_full
        is_full = is_full or len(written) + len(part) > MAX_LOSSLESS
        if is_full:
            return _STOP
        written.extend(part)
        return len(part)

    target = pyvips.TargetCustom()
    target.on_write(write)
    try:
        image.pngsave_target(target, compression=PNG_COMPRESSION, filter="all", keep="none")
    except pyvips.Error:
        if is_full:
            return None
        raise
    return bytes(written)
