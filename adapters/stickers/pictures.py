"""One file of a pack, made into the three pictures that are kept of it. The same file always gives the same bytes."""

from dataclasses import dataclass
from typing import Final

import pyvips

from adapters.rendering.inspection import ImageLimits
from adapters.rendering.photos import normalize_photo
from models.artwork import StoredImage, object_key, sha256_of
from models.base import Sha256
from models.decoration import FOLDER, DecorationKind
from models.errors import OrderRefused, RefusalCode

LIMITS: Final = {
    DecorationKind.STICKER: ImageLimits(max_bytes=10_000_000, min_side=100, max_side=4_096, max_pixels=16_800_000),
    DecorationKind.BACKGROUND: ImageLimits(max_bytes=10_000_000, min_side=1_000, max_side=8_000, max_pixels=25_000_000),
}
"""A background covers a whole case, 1390 pixels wide; a sticker is a part of one."""

THUMBNAIL_SIDE: Final = 160
"""Pixels of the longer side: what a phone with a sharp screen shows of a hundred at once."""

_RECIPE: Final = b"1:"
"""To be changed with anything below that changes the pictures: they are then all made anew by the next import."""
_QUALITY: Final = 90
_TYPE: Final = "image/webp"


@dataclass(frozen=True, slots=True)
class Picture:
    """The bytes of a picture, and what is known of them."""

    data: bytes
    image: StoredImage


@dataclass(frozen=True, slots=True)
class Pictures:
    """A decoration in its three sizes."""

    picture: Picture
    highres: Picture
    thumbnail: Picture


def source_of(data: bytes) -> Sha256:
    """Return what identifies a file and the way in which pictures are made of it."""
    return sha256_of(_RECIPE + data)


def make_pictures(data: bytes, kind: DecorationKind) -> Pictures:
    """Check a file and make its pictures: upright, sRGB, transparent where it was, without a word of metadata.

    Takes up to 2 s of processor time: call it in a thread. Raises `OrderRefused` for a file that will not do.
    """
    kept = normalize_photo(data, limits=LIMITS[kind])
    image = _decoded(kept.data, kept.image.media_type)
    if image.hasalpha() and image[image.bands - 1].max() == 0:
        raise OrderRefused("There is nothing to be seen in this picture.", code=RefusalCode.BAD_IMAGE)
    picture = _picture(kept.data, kept.image.media_type, kept.image.width, kept.image.height)
    return Pictures(picture=picture, highres=_webp(image), thumbnail=_webp(_thumbnail(image)))


def _decoded(data: bytes, media_type: str) -> pyvips.Image:
    load = pyvips.Image.pngload_buffer if media_type == "image/png" else pyvips.Image.jpegload_buffer
    return load(data).copy_memory()


def _thumbnail(image: pyvips.Image) -> pyvips.Image:
    return image.thumbnail_image(THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, size="down")


def _webp(image: pyvips.Image) -> Picture:
    return _picture(image.webpsave_buffer(Q=_QUALITY, alpha_q=100, keep="none"), _TYPE, image.width, image.height)


def _picture(data: bytes, media_type: str, width: int, height: int) -> Picture:
    digest = sha256_of(data)
    key = object_key(FOLDER, digest, media_type)
    return Picture(data, StoredImage(key=key, sha256=digest, media_type=media_type, width=width, height=height, size=len(data)))
