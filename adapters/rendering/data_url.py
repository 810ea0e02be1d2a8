"""Pictures as browsers send them: `data:image/png;base64,…`."""

import binascii
import re

from models.errors import OrderRefused, RefusalCode

MAX_DATA_URL = 15_000_000
"""Characters of a data URL that we take; about 11 MB of picture."""

_PREFIX = re.compile(r"data:image/(?:png|jpe?g|webp);base64,", re.IGNORECASE)
_LONGEST_PREFIX = 40


def parse_data_url(text: str, *, max_length: int = MAX_DATA_URL) -> bytes:
    """Return the bytes inside a data URL; what kind of picture they are is for `inspect_image` to say, not for the URL.

    Raises `OrderRefused`: `IMAGE_TOO_LARGE` before anything is decoded, `BAD_IMAGE` for anything but strict base64 of an image.
    """
    if len(text) > max_length:
        raise OrderRefused(
            f"This picture is too large: at most {max_length // 1_000_000} MB can be sent. Please choose a smaller one.",
            code=RefusalCode.IMAGE_TOO_LARGE,
            facts={"length": len(text), "max_length": max_length},
        )
    prefix = _PREFIX.match(text, 0, _LONGEST_PREFIX)
    if prefix is None:
        raise _unreadable()
    try:
        data = binascii.a2b_base64(text[prefix.end() :], strict_mode=True)
    except ValueError as error:  # binascii.Error, and characters outside of ASCII
        raise _unreadable() from error
    if not data:
        raise _unreadable()
    return data


def _unreadable() -> OrderRefused:
    return OrderRefused(
        "This picture did not arrive as a PNG, JPEG or WebP file. Please go back to your design and send it again.",
        code=RefusalCode.BAD_IMAGE,
    )
