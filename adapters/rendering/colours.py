"""Colours of photos: from whatever a camera or a printer's software meant, to 8-bit sRGB."""

from typing import Final

import pyvips

_PROFILE: Final = "icc-profile-data"
_INTENT: Final = "relative"
"""Keeps every colour that sRGB has, and clips the others, as browsers do."""


def in_srgb(image: pyvips.Image) -> pyvips.Image:
    """Return the image in 8-bit sRGB, with its alpha if it has any; without a profile, numbers mean what they usually do.

    A profile that is broken or made for other pixels is ignored, as browsers do. CMYK without one is taken for coated paper.
    """
    if image.interpretation == "cmyk":
        return image.icc_transform(
            "srgb", input_profile="cmyk", embedded=True, intent=_INTENT, black_point_compensation=True, depth=8
        )
    if _PROFILE in image.get_fields():
        return image.icc_transform("srgb", embedded=True, intent=_INTENT, black_point_compensation=True, depth=8)
    return image.colourspace("srgb")


def with_profile(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """Return the image with a profile that says what its numbers mean."""
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    return image
