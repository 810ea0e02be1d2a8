"""Every template with sample photos, side by side, for docs/: `python -m dev.contact_sheet`.

Drawn by the renderer that draws print files, so what is wrong there is wrong here. The AI's own pictures cost money; in their
place stand photos in false colours.
"""

import asyncio
from collections.abc import Callable, Mapping
from io import BytesIO
from math import cos, pi, sin
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageOps

from adapters.rendering.layout import TEMPLATES
from adapters.rendering.renderer import PrintRenderer
from adapters.rendering.texts import draw_text
from models.design import Background, ComposeRequest, DesignDocument, Fit, PhotoLayer, StickerLayer, TextLayer

ROOT: Final = Path(__file__).parents[1]
SAMPLE: Final = ROOT / "dev/samples/deep-field.jpg"
SHEET: Final = ROOT / "docs/images/templates.webp"
MAX_BYTES: Final = 300_000
SHELL: Final = ComposeRequest(width_mm=69.43, height_mm=145.12)

COLUMNS: Final = 5
CASE: Final = (260, 543)
CORNER: Final = 34
MARGIN: Final = 28
CAPTION: Final = 56
PAPER: Final = "#f4f4f5"
INK: Final = "#18181b"

_STAR: Final = "sample/star"
_WAVES: Final = "sample/waves"


def encoded(image: Image.Image, kind: str = "JPEG") -> bytes:
    """Return the file of an image."""
    file = BytesIO()
    image.save(file, kind, quality=92)
    return file.getvalue()


def photos() -> dict[str, Image.Image]:
    """Return what customers might send: the sky, and scenes drawn here."""
    with Image.open(SAMPLE) as sky:
        crops = {name: sky.crop((x, y, x + 900, y + 1200)) for name, x, y in (("sky", 0, 0), ("stars", 450, 1500))}
    return {**crops, "hills": hills("#38bdf8", "#fef9c3", "#15803d"), "dusk": hills("#7c3aed", "#fb923c", "#1e1b4b")}


def hills(above: str, below: str, ground: str, size: tuple[int, int] = (1200, 1600)) -> Image.Image:
    """Return a landscape: a sky that changes its colour, a sun, and three rows of hills."""
    image = ImageOps.colorize(Image.linear_gradient("L").resize(size), above, below).convert("RGB")
    draw = ImageDraw.Draw(image)
    width, height = size
    draw.ellipse((width * 0.6, height * 0.2, width * 0.82, height * 0.2 + width * 0.22), fill="#fffbeb")
    for row in range(3):
        line = [
            (
                x,
                height * (0.62 + 0.12 * row)
                + 70 * sin(x / width * (3 + row) * pi + row * 2)
                + 30 * cos(x / width * 9 * pi + row),
            )
            for x in range(0, width + 1, 10)
        ]
        shade = ImageOps.colorize(Image.new("L", (1, 1), 70 * row), ground, "black").getpixel((0, 0))
        draw.polygon([*line, (width, height), (0, height)], fill=shade)
    return image


def star() -> Image.Image:
    """Return a sticker."""
    image = Image.new("RGBA", (600, 600))
    points = [
        (
            300 + (280 if corner % 2 == 0 else 120) * sin(corner * pi / 5),
            300 - (280 if corner % 2 == 0 else 120) * cos(corner * pi / 5),
        )
        for corner in range(10)
    ]
    ImageDraw.Draw(image).polygon(points, fill="#facc15", outline="#ffffff", width=18)
    return image


def waves() -> Image.Image:
    """Return a background."""
    image = Image.new("RGB", (1390, 2905), "#0e7490")
    draw = ImageDraw.Draw(image)
    for number, color in zip(range(24), ("#22d3ee", "#0e7490", "#67e8f9", "#155e75") * 6, strict=True):
        top = number * 125
        line = [(x, top + 60 * sin(x / 1390 * 4 * pi + number)) for x in range(0, 1391, 10)]
        draw.polygon([*line, (1390, 2905), (0, 2905)], fill=color)
    return image


FALSE_COLORS: Final[Mapping[str, Callable[[Image.Image], Image.Image]]] = {
    "retro-remix": lambda photo: ImageOps.colorize(photo.convert("L"), "#2e1065", "#fde68a", mid="#ec4899"),
    "cover-shoot": lambda photo: ImageOps.autocontrast(photo.convert("L")).convert("RGB"),
    "funny-toon": lambda photo: ImageOps.posterize(photo, 2),
    "glitch-pro": lambda photo: Image.merge(
        "RGB", (photo.getchannel("R").transform(photo.size, Image.Transform.AFFINE, (1, 0, 40, 0, 1, 0)), *photo.split()[1:])
    ),
    "footy-fan": lambda photo: ImageOps.colorize(photo.convert("L"), "#052e16", "#ffffff", mid="#16a34a"),
}
"""For each AI template, how a photo is told from the others here."""

CAPTIONS: Final = {
    "classic": (TextLayer(text="Out there", font="pacifico", color="#ffffff", size=0.13, x=0.5, y=0.86, rotation=-6),),
    "2-in-1": (TextLayer(text="DAY / NIGHT", font="bebas-neue", color="#ffffff", size=0.13, y=0.92),),
    "cover-shoot": (TextLayer(text="COVER", font="playfair-display", color="#ffffff", size=0.22, y=0.1),),
    "footy-fan": (TextLayer(text="10", font="impact", color="#facc15", size=0.5, y=0.78),),
}


def document_of(template_id: str) -> DesignDocument:
    """Return what is shown of a template."""
    names = (template_id,) if template_id in FALSE_COLORS else ("sky", "hills", "dusk", "stars")
    layers = [PhotoLayer(photo=name) for name in names[: TEMPLATES[template_id].photos]]
    background = Background()
    stickers: tuple[StickerLayer, ...] = ()
    if template_id == "3-in-1":
        layers[1] = PhotoLayer(photo="hills", fit=Fit.CONTAIN, zoom=0.9, rotation=-8)
        background = Background(picture=_WAVES)
    if template_id in {"classic", "4-in-1"}:
        stickers = (StickerLayer(sticker=_STAR, x=0.74, y=0.56, width=0.3, rotation=14),)
    return DesignDocument(
        template_id=template_id,
        background=background,
        photos=tuple(layers),
        stickers=stickers,
        texts=CAPTIONS.get(template_id, ()),
    )


async def previews() -> dict[str, Image.Image]:
    """Draw every template. Raises `RuntimeError` for one about which a customer would be warned."""
    scenes = photos()
    scenes |= {name: change(scenes["dusk" if name != "cover-shoot" else "hills"]) for name, change in FALSE_COLORS.items()}
    pictures = {name: encoded(image) for name, image in scenes.items()}
    pictures |= {_STAR: encoded(star(), "PNG"), _WAVES: encoded(waves())}
    drawn = {}
    with PrintRenderer() as renderer:
        for template_id in TEMPLATES:
            composed = await renderer.compose(document_of(template_id), SHELL, pictures)
            if composed.warnings:
                message = f"{template_id}: {composed.warnings}"
                raise RuntimeError(message)
            drawn[template_id] = Image.open(BytesIO(composed.data)).convert("RGB")
    return drawn


def sheet_of(drawn: Mapping[str, Image.Image]) -> Image.Image:
    """Put the cases beside each other, each with its name below."""
    step = (CASE[0] + MARGIN, CASE[1] + CAPTION)
    rows = -(-len(drawn) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * step[0] + MARGIN, rows * step[1] + MARGIN), PAPER)
    outline = Image.new("L", (CASE[0] * 4, CASE[1] * 4))
    ImageDraw.Draw(outline).rounded_rectangle((0, 0, outline.width - 1, outline.height - 1), CORNER * 4, fill=255)
    outline = outline.reduce(4)
    for number, (template_id, image) in enumerate(drawn.items()):
        left, top = MARGIN + number % COLUMNS * step[0], MARGIN + number // COLUMNS * step[1]
        sheet.paste(image.resize(CASE, Image.Resampling.LANCZOS), (left, top), mask=outline)
        name = draw_text(TextLayer(text=template_id, color=INK, size=0.08), width=CASE[0])
        caption = Image.frombytes("RGBA", (name.width, name.height), name.rgba)
        sheet.paste(caption, (left + (CASE[0] - name.width) // 2, top + CASE[1] + 6), mask=caption)
    return sheet


def main() -> None:
    """Draw the sheet and write it."""
    sheet = sheet_of(asyncio.run(previews()))
    file = BytesIO()
    sheet.save(file, "WEBP", quality=82, method=6)
    if len(file.getvalue()) > MAX_BYTES:
        message = f"the sheet has {len(file.getvalue())} bytes, at most {MAX_BYTES} are to be kept in the repository"
        raise RuntimeError(message)
    SHEET.parent.mkdir(parents=True, exist_ok=True)
    SHEET.write_bytes(file.getvalue())
    print(  # noqa: T201 - a program's answer to who started it
        f"{SHEET.relative_to(ROOT)}: {sheet.width} × {sheet.height} px, {len(file.getvalue()) / 1000:.0f} kB"
    )


if __name__ == "__main__":
    main()
