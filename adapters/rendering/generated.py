"""Pictures that an AI made, checked like those of strangers and written anew: sRGB, and nothing in the file but pixels.

They are kept as JPEG. A browser loads and draws one each time a customer looks at a design: 2 MB instead of the 10 MB of the PNG
that the AI answers with, and at this quality with all of its colour no difference is seen in print.
"""

import asyncio
from functools import partial
from typing import Final

import pyvips

from adapters.rendering.inspection import ImageLimits
from adapters.rendering.normalized import NormalizedPhoto
from adapters.rendering.photos import normalize_photo
from models.artwork import object_key, sha256_of
from models.generation import CleanPicture

GENERATED_IMAGE: Final = ImageLimits(max_bytes=40_000_000, min_side=500, max_side=8_000, max_pixels=25_000_000)
"""What an image model may answer: 4K is the most that any of them makes."""

FOLDER: Final = "generated"
JPEG_QUALITY: Final = 95
AT_ONCE: Final = 2
"""Pictures being decoded; each takes up to 300 MB of memory."""


class GeneratedPictures:
    """Fits the port `PictureCleaner`."""

    def __init__(self, *, at_once: int = AT_ONCE, limits: ImageLimits = GENERATED_IMAGE) -> None:
        self._seats = asyncio.Semaphore(at_once)
        self._limits = limits

    async def clean(self, data: bytes) -> CleanPicture:
        """Return the picture as it is kept, the same bytes every time.

        Raises `OrderRefused` for what is damaged, too small, too large or no picture at all.
        """
        async with self._seats:
            return await asyncio.to_thread(partial(_clean, data, limits=self._limits))


def _clean(data: bytes, *, limits: ImageLimits) -> CleanPicture:
    picture = normalize_photo(data, limits=limits)
    written, media_type = _written(picture)
    digest = sha256_of(written)
    facts = {
        "key": object_key(FOLDER, digest, media_type),
        "sha256": digest,
        "media_type": media_type,
        "size": len(written),
    }
    return CleanPicture(data=written, image=picture.image.model_copy(update=facts))


def _written(picture: NormalizedPhoto) -> tuple[bytes, str]:
    if picture.image.media_type != "image/png":
        return picture.data, picture.image.media_type
    image = pyvips.Image.pngload_buffer(picture.data, access="sequential", fail_on="error")
    if image.hasalpha():
        return picture.data, picture.image.media_type
    jpeg: bytes = image.jpegsave_buffer(Q=JPEG_QUALITY, subsample_mode="off", keep="none")
    return jpeg, "image/jpeg"
