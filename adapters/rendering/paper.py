"""Finished designs as they look on a case: opaque, in sRGB, on white."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

from adapters.rendering.inspection import FINAL_IMAGE, decode_image, facts_of
from models.artwork import StoredImage
from models.errors import OrderRefused, RefusalCode

_PAPER: Final = "white"
"""What shows through a transparent design: the print is made on white."""
_BLANK: Final = ((255, 255),) * 3
"""Least and most of red, green and blue where nothing would be printed."""


def inspect_final_image(data: bytes) -> StoredImage:
    """Check a finished design of the storefront, and return its facts with the key to store it under.

    Raises `OrderRefused` as `inspect_image`, and `BAD_IMAGE` for one of which nothing would be seen: all of it white or
    transparent, as a canvas is before its pictures are there.
    """
    image = decode_image(data, limits=FINAL_IMAGE)
    if on_paper(image).getextrema() == _BLANK:
        raise OrderRefused(
            "Your design arrived empty: nothing would be printed on your case. Please go back to your design and send it again.",
            code=RefusalCode.BAD_IMAGE,
        )
    return facts_of(image, data)


def on_paper(picture: Image.Image) -> Image.Image:
    """Return the picture as opaque sRGB on a new canvas."""
    if picture.mode == "I;16":  # `convert` would clip everything above 255 to white
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
        picture.info.pop("transparency", None)  # one of 65 536 greys: no longer to be told from its neighbours
    paper = Image.new("RGB", picture.size, _PAPER)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        # Not `alpha_composite`: it holds the interpreter for as long as it takes, `paste` does not.
        paper.paste(_in_srgb(layers.convert("RGB"), picture), mask=layers.getchannel("A"))
    else:
        paper.paste(_in_srgb(picture.convert("RGB"), picture))
    return paper


def _in_srgb(pixels: Image.Image, source: Image.Image) -> Image.Image:
    """Convert from the profile that came with the picture; one that is broken or for other pixels is ignored, as browsers do."""
    profile = source.info.get("icc_profile")
    if not profile:
        return pixels
    try:
        converted = ImageCms.profileToProfile(pixels, BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return pixels
    return converted or pixels
