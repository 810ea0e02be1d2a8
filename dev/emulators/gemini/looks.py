"""How each style looks when it is emulated: a few strokes that a person tells apart at a glance, not what the real model paints.

A look is found by the short name that opens our prompts (`Look: Neon night.`); an unknown one is made up of its own letters, so
that customers' own words look different from each other too.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Effect = Callable[[Image.Image], Image.Image]


def duotone(dark: str, light: str, mid: str | None = None) -> Effect:
    """Paint the shades of grey in two or three colours."""

    def paint(image: Image.Image) -> Image.Image:
        grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
        return ImageOps.colorize(grey, dark, light, mid) if mid else ImageOps.colorize(grey, dark, light)

    return paint


def tint(colour: str, strength: float) -> Effect:
    """Lay a colour over everything."""
    return lambda image: Image.blend(image, Image.new("RGB", image.size, colour), strength)


def colour(factor: float) -> Effect:
    """Make colours stronger (above 1) or paler."""
    return lambda image: ImageEnhance.Color(image).enhance(factor)


def contrast(factor: float) -> Effect:
    """Make it harder (above 1) or softer."""
    return lambda image: ImageEnhance.Contrast(image).enhance(factor)


def posterize(bits: int) -> Effect:
    """Leave few colours."""
    return lambda image: ImageOps.posterize(image, bits)


def solarize(threshold: int) -> Effect:
    """Turn what is brighter into its opposite."""
    return lambda image: ImageOps.solarize(image, threshold)


def soften(radius: float) -> Effect:
    """Blur."""
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def glow(strength: float) -> Effect:
    """Let bright areas shine over the rest."""
    return lambda image: Image.blend(image, ImageChops.screen(image, image.filter(ImageFilter.GaussianBlur(24))), strength)


def shift(pixels: int) -> Effect:
    """Move red to one side and blue to the other."""

    def move(image: Image.Image) -> Image.Image:
        red, green, blue = image.split()
        return Image.merge("RGB", (ImageChops.offset(red, pixels, 0), green, ImageChops.offset(blue, -pixels, 0)))

    return move


def scan_lines(every: int, strength: float) -> Effect:
    """Darken lines as on an old screen."""

    def draw(image: Image.Image) -> Image.Image:
        lines = Image.new("L", image.size, 0)
        pen = ImageDraw.Draw(lines)
        for y in range(0, image.height, every):
            pen.rectangle((0, y, image.width, y + every // 2 - 1), fill=int(255 * strength))
        return Image.composite(Image.new("RGB", image.size), image, lines)

    return draw


def outlines(width: int = 3) -> Effect:
    """Draw edges in black over flat colours."""

    def draw(image: Image.Image) -> Image.Image:
        flat = ImageOps.posterize(image.filter(ImageFilter.BoxBlur(2)), 3)
        edges = image.convert("L").filter(ImageFilter.GaussianBlur(2)).filter(ImageFilter.FIND_EDGES)
        mask = edges.point(lambda value: 255 if value > 14 else 0).filter(ImageFilter.MaxFilter(width))
        return Image.composite(Image.new("RGB", image.size), flat, mask)

    return draw


def dots(size: int, ink: str, paper: str) -> Effect:
    """Print in dots whose size is the darkness."""

    def draw(image: Image.Image) -> Image.Image:
        columns, rows = image.width // size + 1, image.height // size + 1
        small = image.convert("L").resize((columns, rows), Image.Resampling.BOX)
        darkness = small.load()
        printed = Image.new("RGB", image.size, paper)
        pen = ImageDraw.Draw(printed)
        for row in range(rows):
            for column in range(columns):
                level = darkness[column, row] if darkness else 0
                radius = size * 0.72 * (1 - float(level) / 255) ** 0.5  # type: ignore[arg-type]
                x, y = (column + 0.5 * (row % 2)) * size, row * size
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
        return printed

    return draw


def stripes(colours: tuple[str, ...], width: int, strength: float, *, slant: float = 0.0) -> Effect:
    """Lay bands of colour over everything, as a screen print has them."""

    def draw(image: Image.Image) -> Image.Image:
        bands = Image.new("RGB", image.size, colours[0])
        pen = ImageDraw.Draw(bands)
        lean = int(image.width * slant)
        for number, y in enumerate(range(-abs(lean), image.height + abs(lean), width)):
            corners = [(0, y), (image.width, y + lean), (image.width, y + lean + width), (0, y + width)]
            pen.polygon(corners, fill=colours[number % len(colours)])
        return Image.blend(image, ImageChops.soft_light(image, bands), strength)

    return draw


def vignette(strength: float) -> Effect:
    """Darken the corners."""

    def draw(image: Image.Image) -> Image.Image:
        mask = Image.radial_gradient("L").resize(image.size).point(lambda value: int(value * strength))
        return Image.composite(Image.new("RGB", image.size), image, mask)

    return draw


def torn(block: int, reach: int) -> Effect:
    """Displace bands of the picture, always the same ones."""

    def move(image: Image.Image) -> Image.Image:
        result = image.copy()
        for number, y in enumerate(range(0, image.height, block)):
            offset = (sha256(bytes([number % 256])).digest()[0] - 128) * reach // 128
            band = image.crop((0, y, image.width, min(y + block, image.height)))
            result.paste(ImageChops.offset(band, offset, 0), (0, y))
        return result

    return move


def sprinkle(colours: tuple[str, ...], number: int, size: int, *, shape: str = "rectangle") -> Effect:
    """Strew confetti, sparks or flakes, always the same ones."""

    def draw(image: Image.Image) -> Image.Image:
        strewn = image.copy()
        pen = ImageDraw.Draw(strewn)
        for index in range(number):
            chance = sha256(index.to_bytes(2)).digest()
            x, y = chance[0] * image.width // 255, chance[1] * image.height // 255
            width, height = size + chance[2] % size, size + chance[3] % size
            box = (x, y, x + width, y + (height if shape != "line" else 3))
            (pen.ellipse if shape == "ellipse" else pen.rectangle)(box, fill=colours[chance[4] % len(colours)])
        return strewn

    return draw


def grain(strength: float) -> Effect:
    """Lay film grain over everything, the same for every picture."""

    def draw(image: Image.Image) -> Image.Image:
        tile = Image.frombytes("L", (64, 64), b"".join(sha256(index.to_bytes(2)).digest() for index in range(128)))
        noise = Image.new("L", image.size)
        for x in range(0, image.width, 64):
            for y in range(0, image.height, 64):
                noise.paste(tile, (x, y))
        return Image.blend(image, ImageChops.overlay(image, Image.merge("RGB", (noise, noise, noise))), strength)

    return draw


GREY: Final[Effect] = lambda image: image.convert("L").convert("RGB")  # noqa: E731 - an effect like the others

LOOKS: Final[dict[str, tuple[Effect, ...]]] = {
    "Home video evening": (soften(2), colour(0.8), tint("#ff9a5a", 0.18), shift(9), scan_lines(8, 0.25)),
    "Neon night": (duotone("#12003a", "#00f0ff", "#ff1fa8"), glow(0.6), stripes(("#ff2bd6", "#12003a"), 90, 0.35)),
    "Instant summer": (contrast(0.75), tint("#e8f0a0", 0.22), soften(1), vignette(0.5)),
    "Party snapshot": (contrast(1.5), colour(1.6), tint("#ff7a00", 0.12), grain(0.6), vignette(0.8)),
    "Music channel static": (duotone("#3c0060", "#b6ff00"), torn(26, 18), grain(0.9)),
    "Chrome rave": (duotone("#30304a", "#f6f8ff", "#c9a8d8"), solarize(150), tint("#ff8ad8", 0.15), glow(0.4)),
    "Seventies travel poster": (
        duotone("#0f5257", "#fff3d6", "#d9622b"),
        posterize(2),
        stripes(("#e3a72f", "#d9622b", "#0f5257"), 130, 0.6),
    ),
    "Bubblegum arcade": (
        tint("#ffb3da", 0.35),
        contrast(0.85),
        sprinkle(("#ff5fa8", "#7fe8c9", "#fff07a"), 120, 22),
    ),
    "Rain city dream": (
        duotone("#03151f", "#ffe0e6", "#11707a"),
        tint("#b0123b", 0.15),
        sprinkle(("#bfeaf2",), 260, 4, shape="line"),
        outlines(1),
    ),
    "Black-and-white thriller": (GREY, contrast(1.7), stripes(("#000000", "#ffffff"), 70, 0.8, slant=0.25), vignette(0.9)),
    "Kaleidoscope concert": (
        lambda image: Image.blend(image, ImageOps.mirror(image), 0.5),
        solarize(120),
        colour(2.4),
        tint("#ff5a00", 0.18),
        outlines(3),
    ),
    "High fashion cover": (colour(0.35), contrast(1.25), tint("#b9a99a", 0.18), soften(0.6)),
    "Street cover": (contrast(1.4), tint("#c25a12", 0.28), grain(0.3), vignette(0.7)),
    "Flash studio": (contrast(1.6), colour(1.8), tint("#0050ff", 0.14), glow(0.35)),
    "Cinema still": (duotone("#04262c", "#ffd9a0", "#5f6b5c"), soften(1), vignette(0.6)),
    "Backstage": (GREY, contrast(2.0), tint("#a00014", 0.3), grain(0.9), vignette(1.0)),
    "Quiet monochrome": (GREY, contrast(1.1), soften(0.8), vignette(0.45)),
    "Youth culture cover": (posterize(2), colour(2.5), sprinkle(("#ffe100", "#ff3b6b", "#00c2ff"), 26, 70)),
    "Beauty close-up": (soften(2), tint("#ffc9b8", 0.35), glow(0.55), sprinkle(("#ffe3ea",), 60, 16, shape="ellipse")),
    "Wild caricature": (outlines(7), colour(2.2), sprinkle(("#ffd400", "#00b3ff"), 40, 40, shape="ellipse")),
    "Smooth cartoon": (outlines(3), colour(1.5), soften(1.2), tint("#fff2d0", 0.12)),
    "Screen glitch": (tint("#003a40", 0.3), shift(22), scan_lines(10, 0.55), glow(0.3)),
    "Data storm": (torn(34, 120), shift(40), colour(2.0), sprinkle(("#ff00c8", "#e6ff00", "#00f6ff"), 90, 34)),
    "Firework finale": (
        tint("#0a0a30", 0.5),
        contrast(1.3),
        sprinkle(("#ffd166", "#ff4d6d", "#9bf6ff"), 260, 9, shape="ellipse"),
    ),
    "Trail of fire": (duotone("#140000", "#fff2a8", "#ff5a00"), glow(0.5)),
    "Stadium wave": (colour(1.4), stripes(("#1d4ed8", "#f8fafc"), 60, 0.7, slant=0.5)),
    "Confetti glory": (tint("#ffd56b", 0.25), sprinkle(("#e11d48", "#f8fafc", "#2563eb", "#facc15"), 320, 18)),
}


def look_of(label: str) -> tuple[Effect, ...]:
    """Return the effects of a look; for an unknown one, two colours that its letters decide."""
    if label in LOOKS:
        return LOOKS[label]
    chance = sha256(label.encode()).digest()
    dark, mid, light = ([value // 3 + 85 * step for value in chance[3 * step : 3 * step + 3]] for step in range(3))
    last = dots(14, "#101020", "#fff4e0") if chance[9] % 2 else vignette(0.6)
    return (duotone(_hex(dark), _hex(light), _hex(mid)), last)


def _hex(channels: list[int]) -> str:
    return "#" + bytes(channels).hex()
