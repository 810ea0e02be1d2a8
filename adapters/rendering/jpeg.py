"""The segments of a JPEG file: what it says of itself besides its pixels, and the same pixels without all that."""

import re
from dataclasses import dataclass
from typing import Final

_SOI: Final = b"\xff\xd8"
_EOI: Final = b"\xff\xd9"
_JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
"""Says YCbCr, and that pixels are square."""

_BASELINE: Final = frozenset({0xC0, 0xC1})
_PROGRESSIVE: Final = 0xC2
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN: Final = 0xDA
_ADOBE: Final = 0xEE
_PICTURE: Final = frozenset({0xC4, 0xDB, 0xDD, 0xDA, *_BASELINE, _PROGRESSIVE})
"""Tables, frame and scans: all that a decoder needs."""

_NEXT_MARKER: Final = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
"""What ends the pixels of a scan; inside of them 0xFF is followed by 0 or a restart marker."""

_YCBCR: Final = b"\x01\x02\x03"
"""Ids of the components as JFIF numbers them."""


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG file up to its end marker; whatever is behind that (a second picture, a film, an archive) does not belong to it.

    Attributes:
        scans: How often a decoder goes through the picture. More than once, as in every progressive file, means that it holds the
            whole of it in memory, 2 bytes for each sample.
        clean: The file with nothing in it but its pixels; None where they would then be taken for other colours. Profile and
            orientation are left out too: whether they matter is for the caller to say.
    """

    scans: int
    clean: bytes | None


def read_jpeg(data: bytes) -> JpegFile:
    """Walk through the segments. Raises `ValueError` for a file whose segments do not add up."""
    kept = [_SOI, _JFIF]
    frame, scans, is_adobe = (0, b""), 0, False
    at = len(_SOI)
    while (marker := _marker_at(data, at)) is not None:
        start, kind = marker
        if kind == _EOI[1]:
            kept.append(_EOI)
            return JpegFile(scans, b"".join(kept) if _is_plain(frame) and not is_adobe else None)
        at = _end_of(data, start, kind)
        body = data[start + 4 : at]
        if kind in _FRAMES:
            frame = (kind, body)
        scans += kind == _SCAN
        is_adobe |= kind == _ADOBE and body.startswith(b"Adobe")
        if kind in _PICTURE:
            kept.append(data[start:at])
    raise ValueError("the end marker is missing")


def _marker_at(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the next marker's last 0xFF is, and its second byte; None at the end of the data."""
    found = _NEXT_MARKER.search(data, at)
    return (found.end() - 2, data[found.end() - 1]) if found else None


def _end_of(data: bytes, start: int, kind: int) -> int:
    """Return where a segment ends; that of a scan includes its pixels."""
    end = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    if end < start + 4 or end > len(data):
        raise ValueError("a segment is longer than the file")
    if kind != _SCAN:
        return end
    found = _NEXT_MARKER.search(data, end)
    return found.start() if found else len(data)


def _is_plain(frame: tuple[int, bytes]) -> bool:
    """Say whether every decoder that sees nothing but this frame header takes its components for 8-bit YCbCr."""
    kind, body = frame
    is_ordinary = kind in _BASELINE or kind == _PROGRESSIVE
    return is_ordinary and body[:1] == b"\x08" and body[6::3] == _YCBCR
