"""What a picture really is: read from its bytes, whatever its name or sender says.

The bytes come from strangers. Everything that can be refused by the header is refused before a single pixel is decoded.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image

from adapters.rendering.data_url import MAX_DATA_URL
from models.artwork import SHELL_RATIOS, StoredImage, object_key, sha256_of
from models.errors import OrderRefused, RefusalCode


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What a picture may be.

    Attributes:
        max_bytes: Of the file.
        min_side: Pixels of the shorter side.
        max_side: Pixels of the longer side.
        max_pixels: Width × height; decoding takes up to 4 bytes for each.
        ratios: Smallest and largest height ÷ width; None when every shape will do.
    """

    max_bytes: int
    min_side: int
    max_side: int
    max_pixels: int
    ratios: tuple[float, float] | None = None


FINAL_IMAGE: Final = ImageLimits(
    max_bytes=MAX_DATA_URL * 3 // 4, min_side=1000, max_side=5000, max_pixels=25_000_000, ratios=SHELL_RATIOS
)
"""A design as it is approved and printed: the storefront's canvas is 1390 px wide and as tall as the phone."""

CUSTOMER_PHOTO: Final = ImageLimits(max_bytes=10_000_000, min_side=200, max_side=12_000, max_pixels=51_000_000)
"""A photo to design with. What phones sell as 50 megapixels is 8192 × 6144 on some, which is a little more."""

_DECODERS: Final = ("PNG", "JPEG", "WEBP")
"""The only decoders of Pillow that bytes from outside ever reach."""

_MEDIA_TYPES: Final = {"PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "WEBP": "image/webp"}
"""What Pillow may find. MPO is a JPEG with more pictures behind the first, as phones take them; the first is what is shown."""

_MAY_MOVE: Final = frozenset({"PNG", "WEBP"})

_MODES: Final = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
"""Pixel formats with one meaning on every screen. CMYK is not among them: browsers and printers disagree on its colours."""

_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How each EXIF orientation is undone, as every browser does before it shows the picture."""

_ON_ITS_SIDE: Final = frozenset({5, 6, 7, 8})

_DECODER_ERRORS: Final = (
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What Pillow's decoders raise for damaged files, depending on where the damage is."""


def inspect_image(data: bytes, *, limits: ImageLimits = FINAL_IMAGE, folder: str = "uploads") -> StoredImage:
    """Check a picture and return its facts, with the key to store it under: `<folder>/<sha256>.<ending>`.

    Decodes the whole picture to find truncated files, which takes up to half a second of processor time for the largest:
    call it in a thread.

    Raises `OrderRefused`: `IMAGE_TOO_LARGE` (bytes, pixels), `WRONG_RATIO` or `BAD_IMAGE` (anything else).
    """
    return facts_of(decode_image(data, limits=limits), data, folder=folder)


def facts_of(image: Image.Image, data: bytes, *, folder: str = "uploads") -> StoredImage:
    """Return the facts of a picture that was decoded from these bytes."""
    media_type = _MEDIA_TYPES[image.format or ""]
    width, height = _upright_size(image)
    digest = sha256_of(data)
    return StoredImage(
        key=object_key(folder, digest, media_type),
        sha256=digest,
        media_type=media_type,
        width=width,
        height=height,
        size=len(data),
    )


def decode_image(data: bytes, *, limits: ImageLimits = FINAL_IMAGE) -> Image.Image:
    """Return the decoded picture as it is stored, not yet upright. Raises as `inspect_image`."""
    check_bytes(data, limits)
    image = _open(data)
    _check_header(image, limits)
    try:
        image.load()
    except _DECODER_ERRORS as error:
        raise _damaged() from error
    _check_shape(image, limits)
    return image


def check_bytes(data: bytes, limits: ImageLimits) -> None:
    """Raise `OrderRefused` (`IMAGE_TOO_LARGE`) for a file with too many bytes."""
    if len(data) > limits.max_bytes:
        raise OrderRefused(
            f"This picture is too large: at most {limits.max_bytes // 1_000_000} MB can be used. Please choose a smaller one.",
            code=RefusalCode.IMAGE_TOO_LARGE,
            facts={"size": len(data), "max_size": limits.max_bytes},
        )


def check_size(width: int, height: int, limits: ImageLimits) -> None:
    """Raise `OrderRefused`: `IMAGE_TOO_LARGE` for too many pixels, `BAD_IMAGE` for too few."""
    if width * height > limits.max_pixels or max(width, height) > limits.max_side:
        raise too_many_pixels(width, height)
    if min(width, height) < limits.min_side:
        raise OrderRefused(
            f"This picture is too small to print well: {width} × {height} pixels, and {limits.min_side} are needed on each side. "
            "Please choose a larger one.",
            code=RefusalCode.BAD_IMAGE,
            facts={"width": width, "height": height, "min_side": limits.min_side},
        )


def upright(image: Image.Image) -> Image.Image:
    """Return the picture as its photographer held the camera."""
    transpose = _UPRIGHT.get(_orientation(image))
    return image if transpose is None else image.transpose(transpose)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=_DECODERS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels() from error
    except _DECODER_ERRORS as error:
        raise _damaged() from error


def _check_header(image: Image.Image, limits: ImageLimits) -> None:
    check_size(image.width, image.height, limits)  # as stored: Pillow decodes a whole PNG to find its orientation
    if image.mode not in _MODES:
        raise OrderRefused(
            f"This picture uses a colour format ({image.mode}) that would print in other colours than it shows. "
            "Please save it as sRGB and send it again.",
            code=RefusalCode.BAD_IMAGE,
            facts={"mode": image.mode},
        )
    if image.format in _MAY_MOVE and getattr(image, "is_animated", False):
        raise OrderRefused("This picture moves, a phone case cannot. Please choose a still one.", code=RefusalCode.BAD_IMAGE)


def _check_shape(image: Image.Image, limits: ImageLimits) -> None:
    width, height = _upright_size(image)
    if limits.ratios is not None and not limits.ratios[0] <= height / width <= limits.ratios[1]:
        raise OrderRefused(
            f"This picture does not have the shape of a phone: {width} × {height} pixels. Please design it again for your phone.",
            code=RefusalCode.WRONG_RATIO,
            facts={"width": width, "height": height},
        )


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:  # a broken remark about a picture is not a broken picture: browsers ignore it too
        return 1
    return orientation if isinstance(orientation, int) else 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    return (image.height, image.width) if _orientation(image) in _ON_ITS_SIDE else (image.width, image.height)


def _damaged() -> OrderRefused:
    return OrderRefused(
        "This file is damaged or is not a PNG, JPEG or WebP picture. Please save it again and send it once more.",
        code=RefusalCode.BAD_IMAGE,
    )


def too_many_pixels(width: int = 0, height: int = 0) -> OrderRefused:
    """Return the refusal of a picture whose pixels would fill the memory."""
    return OrderRefused(
        "This picture has too many pixels. Please choose a smaller one.",
        code=RefusalCode.IMAGE_TOO_LARGE,
        facts={"width": width, "height": height} if width else {},
    )
