"""Customers' photos, made into pictures that are safe to keep and alike to work with.

What comes in is from strangers, in any of four formats, turned, tagged and coloured as cameras like it. What is kept is upright,
8-bit sRGB, at most 25 megapixels, and says nothing but its pixels: no place, no time, no camera, and nothing behind its end.
The same photo always gives the same bytes.

libvips and not Pillow, because it works in strips: a JPEG of 50 megapixels takes 0.3 s and 56 MB, with Pillow 1.3 s and 428 MB.
Its loaders are called by name and never chosen by it.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Final

import pyvips

from adapters.rendering import engine  # noqa: F401 - sets libvips up
from adapters.rendering.colours import in_srgb, is_srgb
from adapters.rendering.heif import HeicPhoto
from adapters.rendering.inspection import CUSTOMER_PHOTO, ImageLimits, check_bytes, check_size, too_many_pixels
from adapters.rendering.jpeg import read_jpeg
from adapters.rendering.photo_formats import PhotoFormat, damaged, moving, sniff
from models.artwork import HasSize, StoredImage, object_key, sha256_of
from models.errors import OrderRefused, RefusalCode

FOLDER: Final = "photos"

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

_UNPACKED_WHOLE: Final = Lock()
"""Held by the one photo of the process that fills up to 300 MB; those that are read in strips pass by."""

_ANIMATION: Final = b"acTL"
_INTERLACE_AT: Final = 28
_UPRIGHT: Final = 1
_ORIENTATIONS: Final = range(1, 9)
_STOP: Final = -1
"""Makes libvips end what it writes, with an error."""


@dataclass(frozen=True, slots=True)
class NormalizedPhoto:
    """A photo as it is kept, and its facts with the key to store it under: `photos/<sha256>.<ending>`."""

    data: bytes
    image: StoredImage


@dataclass(frozen=True, slots=True)
class _Source:
    """A photo of which only the header was read.

    Attributes:
        pixels: Returns the picture; they are decoded as they are used.
        is_whole: Decoding holds the whole picture in memory, or more.
        max_pixels: Of one that does.
        is_exact: Kept without loss, because it came so.
        clean: A JPEG without all that was said around its pixels, where nothing else is needed to show them rightly.
    """

    width: int
    height: int
    pixels: Callable[[], pyvips.Image]
    is_whole: bool = False
    max_pixels: int = WHOLE_PIXELS
    is_exact: bool = False
    clean: bytes | None = None


def normalize_photo(data: bytes, *, limits: ImageLimits = CUSTOMER_PHOTO) -> NormalizedPhoto:
    """Return the photo as it is to be kept.

    JPEG, WebP and HEIC become JPEG, a PNG stays one (its sharp edges would suffer), and so does whatever is transparent. A JPEG
    that is good as it is keeps its pixels bit by bit and loses only what was said around them.

    Takes up to 2 s of processor time and up to 300 MB: call it in a thread.

    Raises `OrderRefused`: `IMAGE_TOO_LARGE` (bytes, pixels) or `BAD_IMAGE` (anything else).
    """
    check_bytes(data, limits)
    try:
        source = _OPEN[sniff(data)](data)
        check_size(source.width, source.height, limits)
        if source.is_whole and source.width * source.height > source.max_pixels:
            raise too_many_pixels(source.width, source.height)
        with _room_for(source):
            return _kept_as_it_is(source) or _made_anew(source)
    except pyvips.Error as error:
        raise damaged() from error


def _room_for(source: _Source) -> AbstractContextManager[object]:
    return _UNPACKED_WHOLE if source.is_whole else nullcontext()


def _open_jpeg(data: bytes) -> _Source:
    try:
        file = read_jpeg(data)
    except ValueError as error:
        raise damaged() from error
    if file.scans > MAX_SCANS:
        raise damaged()
    image = pyvips.Image.jpegload_buffer(data, access="sequential", fail_on="error")
    is_good = file.clean is not None and _orientation(image) == _UPRIGHT and is_srgb(image)
    return _Source(image.width, image.height, lambda: image, is_whole=file.scans > 1, clean=file.clean if is_good else None)


def _open_png(data: bytes) -> _Source:
    if _ANIMATION in data[: data.find(b"IDAT")]:
        raise moving()
    image = pyvips.Image.pngload_buffer(data, access="sequential", fail_on="error")
    return _Source(image.width, image.height, lambda: image, is_whole=data[_INTERLACE_AT] != 0, is_exact=True)


def _open_webp(data: bytes) -> _Source:
    image = pyvips.Image.webpload_buffer(data, access="sequential", fail_on="error")
    if image.get_n_pages() > 1:
        raise moving()
    return _Source(image.width, image.height, lambda: image, is_whole=True)


def _open_heic(data: bytes) -> _Source:
    photo = HeicPhoto(data)
    return _Source(photo.width, photo.height, photo.decode, is_whole=True, max_pixels=CUSTOMER_PHOTO.max_pixels)


_OPEN: Final[dict[PhotoFormat, Callable[[bytes], _Source]]] = {
    PhotoFormat.JPEG: _open_jpeg,
    PhotoFormat.PNG: _open_png,
    PhotoFormat.WEBP: _open_webp,
    PhotoFormat.HEIC: _open_heic,
}


def _kept_as_it_is(source: _Source) -> NormalizedPhoto | None:
    """Return the cleaned JPEG if there is one and it decodes to its end without a word of complaint."""
    if source.clean is None or source.width * source.height > KEPT_PIXELS:
        return None
    try:
        pyvips.Image.jpegload_buffer(source.clean, access="sequential", fail_on="warning").avg()
    except pyvips.Error:
        return None
    return _photo(source.clean, "image/jpeg", source)


def _made_anew(source: _Source) -> NormalizedPhoto:
    image = _upright(in_srgb(_scaled_down(source.pixels())))
    if image.hasalpha():
        image = image.copy_memory()
        if image[3].min() == 255:
            image = image[:3]
    if source.is_exact or image.hasalpha():
        png = _png(image)
        if png is not None:
            return _photo(png, "image/png", image)
        if image.hasalpha():
            raise OrderRefused(
                "This picture is too large for a transparent one. Please choose a smaller one, or one without transparent areas.",
                code=RefusalCode.IMAGE_TOO_LARGE,
                facts={"width": source.width, "height": source.height, "max_size": MAX_LOSSLESS},
            )
    jpeg: bytes = image.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", keep="none")
    return _photo(jpeg, "image/jpeg", image)


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


def _photo(data: bytes, media_type: str, size: HasSize) -> NormalizedPhoto:
    digest = sha256_of(data)
    image = StoredImage(
        key=object_key(FOLDER, digest, media_type),
        sha256=digest,
        media_type=media_type,
        width=size.width,
        height=size.height,
        size=len(data),
    )
    return NormalizedPhoto(data, image)
