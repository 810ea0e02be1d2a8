"""Sample photos and documents, made here so that every pixel of them is known."""

from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from adapters.rendering.layout import TEMPLATES
from models.design import Background, ComposeRequest, DesignDocument, Fit, PhotoLayer, StickerLayer, TextLayer

SHELL: Final = ComposeRequest(width_mm=69.43, height_mm=145.12)
"""Drawn 1390 × 2905 px."""
SIZE: Final = (1390, 2905)

STICKER: Final = "sample/star"
BACKGROUND: Final = "sample/stripes"
COLORS: Final = ("#ef4444", "#3b82f6", "#22c55e", "#eab308")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return the file of an image."""
    file = BytesIO()
    image.save(file, kind, **({"compress_level": 1} if kind == "PNG" else {}), **options)
    return file.getvalue()


def flat(color: str, size: tuple[int, int], *, mode: str = "RGB") -> bytes:
    """Return a PNG of one colour."""
    return encoded(Image.new(mode, size, color))


def marked(size: tuple[int, int], *, at: tuple[float, float], color: str = "navy", radius: float = 0.04) -> bytes:
    """Return a PNG of one colour with a red dot at a place given in fractions of its size; the radius is of its width."""
    image = Image.new("RGB", size, color)
    x, y, r = at[0] * size[0], at[1] * size[1], radius * size[0]
    ImageDraw.Draw(image).ellipse((x - r, y - r, x + r, y + r), fill="red")
    return encoded(image)


def landscape(number: int, size: tuple[int, int] = (1200, 1600)) -> bytes:
    """Return a JPEG in which up and down, left and right, and photo from photo can be told: a sky, hills and a sun."""
    width, height = size
    shade = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (shade, shade.point(lambda value: 255 - value // 2), Image.new("L", size, 200 - 40 * number)))
    draw = ImageDraw.Draw(image)
    for hill in range(5):
        left = (hill - 1) * width // 3 + number * width // 12
        draw.ellipse((left, height * 0.62 + hill * 30, left + width // 2, height * 1.3), fill=COLORS[(hill + number) % 4])
    draw.ellipse((width * 0.62, height * 0.12, width * 0.82, height * 0.12 + width * 0.2), fill="#fff4c2")
    for stripe in range(number + 1):
        draw.rectangle((60 + stripe * 90, 60, 120 + stripe * 90, 260), fill="white")
    return encoded(image, "JPEG", quality=92, subsampling=0)


def star() -> bytes:
    """Return a sticker: a disc with a hole and a soft shadow, on nothing."""
    shadow = Image.radial_gradient("L").resize((400, 400)).point(lambda value: max(0, 180 - value))
    image = Image.merge("RGBA", (*(Image.new("L", (400, 400), 20) for _ in range(3)), shadow))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 340, 340), fill=(250, 204, 21, 255), outline=(0, 0, 0, 255), width=8)
    draw.ellipse((150, 150, 250, 250), fill=(0, 0, 0, 0))
    return encoded(image)


def stripes() -> bytes:
    """Return a background picture."""
    image = Image.new("RGB", (700, 1500), "#fde68a")
    draw = ImageDraw.Draw(image)
    for row in range(0, 1500, 100):
        draw.rectangle((0, row, 700, row + 50), fill="#f472b6")
    return encoded(image, "WEBP", lossless=True)


def sample_pictures() -> dict[str, bytes]:
    """Return every picture that the sample documents name."""
    photos = {f"photo-{number}.jpg": landscape(number) for number in range(4)}
    return {**photos, STICKER: star(), BACKGROUND: stripes()}


def sample_document(template_id: str) -> DesignDocument:
    """Return a document with all that a template can hold: moved, turned and small photos, stickers, texts, a background."""
    changes: tuple[dict[str, object], ...] = (
        {},
        {"rotation": 12.0, "zoom": 1.2},
        {"fit": Fit.CONTAIN, "rotation": 90.0},
        {"offset_x": 0.15, "offset_y": -0.1, "zoom": 1.4},
    )
    count = TEMPLATES[template_id].photos
    return DesignDocument(
        template_id=template_id,
        background=Background(color="#ec4899", picture=BACKGROUND),
        photos=tuple(PhotoLayer.model_validate({"photo": f"photo-{n}.jpg", **changes[n]}) for n in range(count)),
        stickers=(
            StickerLayer(sticker=STICKER, x=0.75, y=0.3, width=0.3, rotation=25.0),
            StickerLayer(photo="photo-0.jpg", x=0.25, y=0.55, width=0.2),
        ),
        texts=(
            TextLayer(text=f"{template_id}\nÄß 😀", font="pacifico", color="#ffffff", size=0.1, x=0.5, y=0.82, rotation=-8.0),
        ),
    )
