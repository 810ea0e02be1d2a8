"""Paints what the emulated model answers: the photo in the ratio that was asked for and the style's look, with its name on it."""

from functools import lru_cache
from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from dev.emulators.gemini.looks import look_of

SIZES: Final = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
}
"""Pixels at 1K (https://ai.google.dev/gemini-api/docs/image-generation); 2K and 4K are twice and four times as wide."""

SCALES: Final = {"1K": 1, "2K": 2, "4K": 4}
_QUALITY: Final = 88


def paint(photo: bytes | None, *, label: str, ratio: str, size: str) -> bytes:
    """Return a JPEG; the same arguments give the same bytes. Raises `ValueError` for a photo that is not one."""
    width, height = SIZES[ratio]
    picture = _photo(photo, (width, height)) if photo else _portrait((width, height))
    for effect in look_of(label):
        picture = effect(picture)
    _sign(picture, label)
    scale = SCALES[size]
    if scale > 1:
        picture = picture.resize((width * scale, height * scale), Image.Resampling.BICUBIC)
    file = BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _photo(data: bytes, size: tuple[int, int]) -> Image.Image:
    try:
        with Image.open(BytesIO(data), formats=["JPEG", "PNG", "WEBP"]) as image:
            image.draft("RGB", size)
            return ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BILINEAR, centering=(0.5, 0.4))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        message = "not a picture"
        raise ValueError(message) from error


def _portrait(size: tuple[int, int]) -> Image.Image:
    """Return somebody to paint where no photo was sent: a person in front of an evening sky."""
    width, height = size
    sky = ImageOps.colorize(Image.linear_gradient("L").resize(size), "#3a6fd8", "#ffb26b", "#f2e6ff")
    pen, unit, middle = ImageDraw.Draw(sky), width / 100, height * 0.42

    def oval(x: float, y: float, across: float, down: float, fill: str) -> None:
        """Draw around a point that is so many hundredths of the width away from the face's middle."""
        centre = (width / 2 + x * unit, middle + y * unit)
        pen.ellipse(
            (centre[0] - across * unit, centre[1] - down * unit, centre[0] + across * unit, centre[1] + down * unit), fill
        )

    oval(30, -52, 14, 14, "#fff3c4")
    oval(0, 78, 46, 48, "#1f8a70")
    oval(0, 0, 31, 36, "#5a2d1a")
    oval(0, 36, 10, 16, "#d99a74")
    oval(0, 6, 25, 31, "#f0bd98")
    oval(0, -20, 27, 13, "#5a2d1a")
    for side in (-1, 1):
        oval(10 * side, 0, 5, 3.4, "#ffffff")
        oval(10 * side, 0, 2.4, 2.8, "#23324a")
        oval(14 * side, 14, 5, 3.4, "#f29c8e")
    oval(0, 9, 2.2, 4, "#dfa27d")
    smile = (width / 2 - 11 * unit, middle + 10 * unit, width / 2 + 11 * unit, middle + 27 * unit)
    pen.chord(smile, 0, 180, "#b3262e")
    return sky


def _sign(picture: Image.Image, label: str) -> None:
    """Write the look's name at the lower edge, so that a person sees which style ran."""
    font = _font(picture.width // 26)
    pen = ImageDraw.Draw(picture)
    place = (picture.width // 2, picture.height - picture.width // 26)
    pen.text(place, label[:40] or "no look named", font=font, anchor="ms", fill="white", stroke_width=2, stroke_fill="black")


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
