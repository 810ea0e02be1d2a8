"""The fonts that texts are printed in: files of our own, so that the same letters come out wherever and whenever we draw.

Half of the catalogue's fonts may not be given on; a free font of the same measures, or of the same look, is printed in their
place. `fonts/README.md` has the table with reasons, origins and licences.
"""

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
