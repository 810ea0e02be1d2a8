"""The fonts that texts are printed in: files of our own, so that the same letters come out wherever and whenever we draw.

Half of the catalogue's fonts may not be given on; a free font of the same measures, or of the same look, is printed in their
place. `fonts/README.md` has the table with reasons, origins and licences.
"""

import struct
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from PIL import features

from models.catalog import match_name
from models.errors import OrderRefused, RefusalCode

FOLDER: Final = Path(__file__).parent / "fonts"

FONT_FILES: Final = {
    "arial": "arimo.ttf",
    "inter": "inter.ttf",
    "georgia": "gelasio.ttf",
    "helvetica": "arimo.ttf",
    "times-new-roman": "tinos.ttf",
    "verdana": "dejavu-sans.ttf",
    "comic-sans-ms": "comic-neue.ttf",
    "impact": "anton.ttf",
    "palatino": "tex-gyre-pagella.otf",
    "courier-new": "cousine.ttf",
    "lucida-console": "dejavu-sans-mono.ttf",
    "tahoma": "dejavu-sans-condensed.ttf",
    "roboto": "roboto.ttf",
    "open-sans": "open-sans.ttf",
    "montserrat": "montserrat.ttf",
    "lato": "lato.ttf",
    "poppins": "poppins.ttf",
    "nunito": "nunito.ttf",
    "quicksand": "quicksand.ttf",
    "pacifico": "pacifico.ttf",
    "dancing-script": "dancing-script.ttf",
    "bebas-neue": "bebas-neue.ttf",
    "oswald": "oswald.ttf",
    "playfair-display": "playfair-display.ttf",
    "source-sans-pro": "source-sans-3.ttf",
    "ubuntu": "ubuntu.ttf",
    "raleway": "raleway.ttf",
}
"""Catalogue id to file."""

FALLBACKS: Final = (FOLDER / "dejavu-sans.ttf", FOLDER / "noto-emoji.ttf")
"""Where a character is looked for that the chosen font lacks: first letters and signs, then emoji."""

_BY_NAME: Final = {match_name(font_id): FOLDER / name for font_id, name in FONT_FILES.items()}

_DIRECTORY: Final = 12
"""Where a font file's list of tables begins."""
_COUNT: Final = struct.Struct(">H")
_ENTRY: Final = struct.Struct(">4s3I")
_CMAP: Final = struct.Struct(">4HI")
_SEGMENTS: Final = struct.Struct(">2H3I")
_GROUP: Final = struct.Struct(">3I")


def font_file(font_id: str) -> Path:
    """Return the file that this font of the catalogue is printed with; its id or its name, in any spelling.

    Raises `OrderRefused` (`UNKNOWN_FONT`) for any other.
    """
    path = _BY_NAME.get(match_name(font_id))
    if path is None:
        known = ", ".join(sorted(FONT_FILES))
        raise OrderRefused(
            f"We have no font named “{font_id}”. Please choose one of these: {known}.",
            code=RefusalCode.UNKNOWN_FONT,
            facts={"font": font_id, "known": known},
        )
    return path


@cache
def fonts_version() -> str:
    """Name what decides the letters' shapes: our files, and the FreeType inside Pillow's wheel."""
    digest = sha256()
    for path in sorted({*_BY_NAME.values(), *FALLBACKS}):
        digest.update(f"{path.name}\n".encode())
        digest.update(sha256(path.read_bytes()).digest())
    return f"freetype-{features.version('freetype2')}/fonts-{digest.hexdigest()[:12]}"


@cache
def characters(path: Path) -> frozenset[str]:
    """Return every character that a font of ours has a shape for.

    Pillow cannot be asked, and draws an empty box where there is none. Our files have one table of characters each, in
    OpenType's format 12: https://learn.microsoft.com/typography/opentype/spec/cmap#format-12-segmented-coverage
    """
    data = path.read_bytes()
    at = _table(data, b"cmap")
    _, tables, _, _, offset = _CMAP.unpack_from(data, at)
    form, _, _, _, groups = _SEGMENTS.unpack_from(data, at + offset)
    if (tables, form) != (1, 12):
        message = f"{path.name}: one table of characters in format 12 was expected"
        raise ValueError(message)
    start = at + offset + _SEGMENTS.size
    ranges = _GROUP.iter_unpack(data[start : start + groups * _GROUP.size])
    return frozenset(chr(code) for first, last, _ in ranges for code in range(first, last + 1))


def _table(data: bytes, name: bytes) -> int:
    """Return where a table of a font file begins. Raises `ValueError` if it has none of that name."""
    (count,) = _COUNT.unpack_from(data, 4)
    directory = _ENTRY.iter_unpack(data[_DIRECTORY : _DIRECTORY + count * _ENTRY.size])
    for tag, _, offset, _ in directory:
        if tag == name:
            return int(offset)
    message = f"no table {name!r}"
    raise ValueError(message)
