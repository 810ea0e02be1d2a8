"""Draws every template and style as the emulator shows them, side by side: `python -m dev.styles_sheet [FILE]`."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from adapters.prompts.book import PromptFile, label_of
from dev.emulators.gemini.painting import paint
from dev.guard import ROOT

SHEET: Final = ROOT / "docs" / "images" / "styles.webp"
COLUMNS: Final = 7
TILE: Final = (200, 358)
CAPTION: Final = 40


def draw() -> Image.Image:
    """Return the sheet."""
    styles = [(template, style) for template, prompts in PromptFile.read().templates.items() for style in prompts.styles]
    rows = -(-len(styles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE[0], rows * (TILE[1] + CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (template, style) in enumerate(styles):
        x, y = number % COLUMNS * TILE[0], number // COLUMNS * (TILE[1] + CAPTION)
        data = paint(None, label=label_of(style.text), ratio="9:16", size="1K")
        with Image.open(BytesIO(data)) as picture:
            sheet.paste(picture.resize((TILE[0] - 8, TILE[1])), (x + 4, y))
        pen.text((x + 6, y + TILE[1] + 3), f"{template}\n{style.name}", font=font, fill="black")
    return sheet


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET
    target.parent.mkdir(parents=True, exist_ok=True)
    draw().save(target, quality=78)


if __name__ == "__main__":
    main()
