"""How often a JPEG file goes through its picture: once, or many times, which costs memory and time."""

import re
from typing import Final

_EOI: Final = 0xD9
_SOS: Final = 0xDA
_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""What ends the pixels of a scan; inside of them 0xFF is followed by 0 or a restart marker."""
_AFTER_SOI: Final = 2


def count_scans(data: bytes) -> int:
    """Return the number of scans before the end marker. What is behind that (a second picture, a film) does not belong to it.

    Raises `ValueError` for a file whose segments do not add up.
    """
    scans, at = 0, _AFTER_SOI
    while (found := _NEXT_MARKER.search(data, at)) and (marker := data[found.end() - 1]) != _EOI:
        start = found.end()
        length = int.from_bytes(data[start : start + 2], "big")
        at = start + length
        if length < 2 or at > len(data):
            raise ValueError("a segment is longer than the file")
        scans += marker == _SOS
    return scans
