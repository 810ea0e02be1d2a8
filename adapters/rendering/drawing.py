"""Pictures onto a canvas: each scaled, turned, cut to its place and laid over what is there already.

A picture that needs no turning is read in strips while it is drawn, and never held whole. Transparency is mixed in whole numbers.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pyvips

from adapters.rendering import engine  # noqa: F401 - sets libvips up
from adapters.rendering.colours import in_srgb
from adapters.rendering.layout import Box
from adapters.rendering.photo_formats import PhotoFormat, damaged, sniff

_SHRINKS: Final = (8, 4, 2)
"""By how much a JPEG can be made smaller while it is decoded."""
_UPRIGHT: Final = 1
_QUARTERS: Final = {90.0: "d90", 180.0: "d180", 270.0: "d270"}


@dataclass(frozen=True, slots=True)
class Source:
    """A picture of which only the header was read.

    Attributes:
        pixels: Returns it as sRGB for a scale; smaller than it is where that can be had for less, but never than the scale asks.
    """

    width: int
    height: int
    pixels: Callable[[float], pyvips.Image]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture goes: its centre in pixels of the canvas, canvas pixels for each of its own, degrees clockwise."""

    x: float
    y: float
    scale: float
    rotation: float
    clip: Box


@dataclass(frozen=True, slots=True)
class Piece:
    """What is seen of a placed picture: RGB or RGBA in memory, as large as its box."""

    image: pyvips.Image
    box: Box

    @property
    def painted(self) -> float:
        """Return how many pixels of the canvas it covers; half transparent ones count half."""
        return float(self.image[3].avg()) / 255 * self.box.area if self.image.hasalpha() else self.box.area


class Canvas:
    """The print file while it is drawn."""

    def __init__(self, width: int, height: int, color: str) -> None:
        self.box = Box(0, 0, width, height)
        self._image = solid(width, height, tuple(bytes.fromhex(color[1:])))

    def draw(self, piece: Piece) -> None:
        """Lay a piece over everything that was drawn before."""
        box = piece.box
        if not piece.image.hasalpha():
            self._image = piece.image if box == self.box else self._image.insert(piece.image, box.left, box.top)
            return
        under = self.pixels().crop(box.left, box.top, box.width, box.height)
        mixed = piece.image[3].ifthenelse(piece.image[:3], under, blend=True)
        self._image = self._image.insert(mixed, box.left, box.top)

    def pixels(self) -> pyvips.Image:
        """Return what was drawn so far, in memory."""
        self._image = self._image.copy_memory()
        return self._image


def solid(width: int, height: int, color: tuple[int, ...]) -> pyvips.Image:
    """Return an image of one colour."""
    return (pyvips.Image.black(width, height, bands=len(color)) + list(color)).cast("uchar").copy(interpretation="srgb")


def open_picture(data: bytes) -> Source:
    """Read the header of a JPEG, PNG or WebP file. Raises `OrderRefused` (`BAD_IMAGE`) or `pyvips.Error` for what is damaged."""
    kind = sniff(data)
    if kind is PhotoFormat.HEIC:
        raise damaged()  # kept pictures never are
    image = _loaded(data, kind, 1)
    is_upright = "orientation" not in image.get_fields() or image.get("orientation") == _UPRIGHT
    if is_upright:
        return Source(image.width, image.height, lambda scale: in_srgb(_loaded(data, kind, _shrink(kind, scale))))
    turned = image.copy_memory().autorot()
    return Source(turned.width, turned.height, lambda _: in_srgb(turned))


def open_rgba(rgba: bytes, width: int, height: int) -> Source:
    """Take rows of straight RGBA for a picture."""
    image = pyvips.Image.new_from_memory(rgba, width, height, 4, "uchar").copy(interpretation="srgb")
    return Source(width, height, lambda _: image)


def place(source: Source, placement: Placement) -> Piece | None:
    """Return what is seen of a picture; None if nothing is."""
    rotation = placement.rotation % 360
    if rotation and rotation not in _QUARTERS:
        return _turned(source, placement, math.radians(rotation))
    width, height = (max(1, round(side * placement.scale)) for side in (source.width, source.height))
    across, down = (height, width) if rotation in {90, 270} else (width, height)
    box = Box(round(placement.x - across / 2), round(placement.y - down / 2), across, down)
    seen = box.cut(placement.clip)
    if seen is None:
        return None
    image = source.pixels(placement.scale)
    # To be turned, a picture is read in another order than it is stored in.
    image = _scaled(image.copy_memory() if rotation else image, width, height)
    image = image.rot(_QUARTERS[rotation]) if rotation else image
    image = image.crop(seen.left - box.left, seen.top - box.top, seen.width, seen.height)
    return Piece(image.copy_memory(), seen)  # now, so that no two pictures are being decoded at once


def _turned(source: Source, placement: Placement, angle: float) -> Piece | None:
    """Place by any other angle; the edges are smooth, so whatever is below shines through them."""
    sine, cosine, scale = math.sin(angle), math.cos(angle), placement.scale
    across = (source.width * abs(cosine) + source.height * abs(sine)) * scale
    down = (source.width * abs(sine) + source.height * abs(cosine)) * scale
    left, top = math.floor(placement.x - across / 2) - 1, math.floor(placement.y - down / 2) - 1
    seen = Box(left, top, math.ceil(across) + 3, math.ceil(down) + 3).cut(placement.clip)
    if seen is None:
        return None
    image = source.pixels(scale)
    if scale < 1:  # scaled down first, because turning looks at the nearest pixels only
        image = _scaled(image, max(1, round(source.width * scale)), max(1, round(source.height * scale)))
    image = image.copy_memory()
    opaque = image if image.hasalpha() else image.bandjoin(255)
    wide, tall = source.width * scale / image.width, source.height * scale / image.height
    piece = opaque.affine(
        [cosine * wide, -sine * tall, sine * wide, cosine * tall],
        interpolate=pyvips.Interpolate.new("bicubic"),
        # Of pixels' centres: the middle of the picture comes to the middle of the placement.
        idx=0.5 - image.width / 2,
        idy=0.5 - image.height / 2,
        odx=placement.x - 0.5,
        ody=placement.y - 0.5,
        oarea=[seen.left, seen.top, seen.width, seen.height],
        extend="background",
        background=[0, 0, 0, 0],
    )
    return Piece(piece.cast("uchar").copy_memory(), seen)


def _scaled(image: pyvips.Image, width: int, height: int) -> pyvips.Image:
    """Return the image in another size; what cannot be seen of it must not bleed into what can."""
    if (image.width, image.height) == (width, height):
        return image
    factors = (width / image.width, height / image.height)
    if not image.hasalpha():
        return image.resize(factors[0], vscale=factors[1])
    return image.premultiply().resize(factors[0], vscale=factors[1]).unpremultiply().cast("uchar")


def _loaded(data: bytes, kind: PhotoFormat, shrink: int) -> pyvips.Image:
    match kind:
        case PhotoFormat.JPEG:
            return pyvips.Image.jpegload_buffer(data, shrink=shrink, access="sequential", fail_on="error")
        case PhotoFormat.PNG:
            return pyvips.Image.pngload_buffer(data, access="sequential", fail_on="error")
        case _:
            return pyvips.Image.webpload_buffer(data, access="sequential", fail_on="error")


def _shrink(kind: PhotoFormat, scale: float) -> int:
    if kind is not PhotoFormat.JPEG:
        return 1
    return next((shrink for shrink in _SHRINKS if shrink * scale <= 1), 1)
