"""A ready-made final image, as the storefront's canvas makes it: the same looks that a design of ours gets before anyone pays."""

from typing import Final

from PIL import Image

from adapters.rendering.checks import MAX_TRANSPARENT
from adapters.rendering.inspection import decode_image, facts_of
from adapters.rendering.paper import on_paper
from models.artwork import StoredImage
from models.design import DesignWarning, WarningCode
from models.errors import OrderRefused, RefusalCode

_SOLID: Final = 250
"""Opacity that counts as opaque: smooth edges of a canvas are a little less than 255."""
_BLANK: Final = ((255, 255),) * 3
"""Least and most of red, green and blue where nothing would be printed."""


def inspect_final_image(data: bytes) -> tuple[StoredImage, tuple[DesignWarning, ...]]:
    """Return the facts of a final image and what its customer should know; as `inspect_image` does, for a thread.

    Raises `OrderRefused` as that does, and for a picture of which nothing would be seen on the case.
    """
    image = decode_image(data)
    return facts_of(image, data), _remarks(image)


def _remarks(image: Image.Image) -> tuple[DesignWarning, ...]:
    if on_paper(image).getextrema() == _BLANK:
        raise OrderRefused(
            "Your design arrived empty: nothing of it would be printed. Please go back to your design and save it again.",
            code=RefusalCode.BAD_IMAGE,
        )
    transparent = _transparent_part(image)
    if transparent <= MAX_TRANSPARENT:
        return ()
    message = f"About {transparent:.0%} of your design is transparent and will be printed white."
    return (DesignWarning(code=WarningCode.TRANSPARENT_AREA, message=message, facts={"part": round(transparent, 3)}),)


def _transparent_part(image: Image.Image) -> float:
    if not image.has_transparency_data:
        return 0.0
    opacity = image.convert("RGBA").getchannel("A")
    return sum(opacity.histogram()[:_SOLID]) / (image.width * image.height)
