"""Finished designs as they look on a case: opaque, in sRGB, on white."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

_PAPER: Final = "white"
"""What shows through a transparent design: the print is made on white."""


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
