"""HEIC, the format of Apple's cameras: decoded by libheif, because libvips comes without a decoder for HEVC."""

from typing import Any, Final

import pi_heif
import pyvips

from adapters.rendering.colours import with_profile
from adapters.rendering.photo_formats import damaged, moving
from models.errors import OrderRefused, RefusalCode

pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = False
pi_heif.options.DEPTH_IMAGES = False
pi_heif.options.AUX_IMAGES = False

DECODER_ERRORS: Final = (EOFError, IndexError, MemoryError, OSError, RuntimeError, SyntaxError, ValueError)
"""What pi_heif names in its documentation, and what a picture without pictures raises."""

_BANDS: Final = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2}
_DISPLAY_P3: Final = 12
"""Colour primaries of ITU-T H.273 that cameras use besides sRGB's."""
_HDR_TRANSFERS: Final = frozenset({16, 18})
"""PQ and HLG: their numbers mean other brightnesses than a print has."""


class HeicPhoto:
    """The main picture of a HEIC file. Only headers are read until `decode`."""

    def __init__(self, data: bytes) -> None:
        """Read the headers. Raises `OrderRefused` (`BAD_IMAGE`)."""
        try:
            file = pi_heif.open_heif(data, convert_hdr_to_8bit=True)
            self._image: Any = file[file.primary_index]
            self.width, self.height = self._image.size
            self._mode = str(self._image.mode)
            self._info: dict[str, Any] = self._image.info
        except DECODER_ERRORS as error:
            raise damaged() from error
        if "sequence" in str(file.mimetype):
            raise moving()
        if self._mode not in _BANDS:
            raise damaged()
        if self._coding("transfer_characteristics") in _HDR_TRANSFERS:
            raise OrderRefused(
                "This photo was taken in HDR, which would print in other colours than it shows. "
                "Please save it as JPEG and send it again.",
                code=RefusalCode.BAD_IMAGE,
            )

    def decode(self) -> pyvips.Image:
        """Return the pixels, upright, with their colour profile. Raises `OrderRefused` (`BAD_IMAGE`)."""
        try:
            pixels = self._image.data
        except DECODER_ERRORS as error:
            raise damaged() from error
        bands = _BANDS[self._mode]
        if self._image.size != (self.width, self.height) or len(pixels) != self.width * self.height * bands:
            raise damaged()  # other pixels than the header had promised
        image = pyvips.Image.new_from_memory(pixels, self.width, self.height, bands, "uchar")
        image = image.copy(interpretation="srgb" if bands > 2 else "b-w")
        profile = self._profile()
        return with_profile(image, profile) if profile else image

    def _profile(self) -> bytes | None:
        """Return the ICC profile, spelled out or named by number; None for sRGB."""
        icc: bytes | None = self._info.get("icc_profile")
        if icc or self._coding("color_primaries") != _DISPLAY_P3:
            return icc
        named: bytes = pyvips.Image.profile_load("p3")
        return named

    def _coding(self, name: str) -> int:
        return int(self._info.get("nclx_profile", {}).get(name, 0))
