"""A design document: what a customer composed, as numbers and names, so that it can be drawn again at any size.

Positions are fractions of the printable area: (0, 0) is its upper left corner, (1, 1) its lower right one. Lengths are fractions
of its width, whatever direction they run in, so nothing is distorted on a longer phone. Angles are degrees, clockwise.
"""

import unicodedata
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal
from uuid import UUID, uuid5

from pydantic import AfterValidator, Field, StringConstraints

from models.artwork import StoredImage
from models.base import Contract, Instant, Sha256
from models.errors import RefusalCode

_RENDERS = UUID("0d4f2b1e-7c0a-5e43-9f0b-3f5a8c1d6e22")
"""Namespace of render ids."""

Position = Annotated[float, Field(ge=-1, le=2)]
"""A fraction of the area's width or height; what lies outside of it is cut off."""
Length = Annotated[float, Field(gt=0, le=4)]
"""A fraction of the area's width."""
Angle = Annotated[float, Field(ge=-360, le=360)]
Hex = Annotated[str, StringConstraints(to_lower=True, pattern=r"^#[0-9a-fA-F]{6}$")]
"""A colour in sRGB."""
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$")]
"""The public name of a picture that was uploaded or generated."""
DecorationName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,59}/[A-Za-z0-9][A-Za-z0-9 _.-]{0,59}$")]
"""A sticker or background of ours, `<folder>/<number>`."""


class Fit(StrEnum):
    """How a photo is put into its slot before the customer moved it."""

    COVER = "cover"
    """The slot is full, and what does not fit is cut off."""
    CONTAIN = "contain"
    """The photo is seen whole, and the background shows beside it."""


class PhotoLayer(Contract):
    """A photo in the template's next slot.

    Attributes:
        photo: Public name of the picture.
        zoom: 1 is what `fit` says.
        offset_x: How far the photo's centre was moved from the slot's, as a fraction of the slot's width.
        offset_y: The same as a fraction of the slot's height.
    """

    photo: FileName
    fit: Fit = Fit.COVER
    zoom: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    offset_x: Annotated[float, Field(ge=-2, le=2)] = 0.0
    offset_y: Annotated[float, Field(ge=-2, le=2)] = 0.0
    rotation: Angle = 0.0


class StickerLayer(Contract):
    """A sticker of ours, or a picture of the customer's own: exactly one of the two; `x` and `y` are its centre."""

    sticker: DecorationName | None = None
    photo: FileName | None = None
    x: Position = 0.5
    y: Position = 0.5
    width: Length = 0.25
    rotation: Angle = 0.0


class TextAlign(StrEnum):
    """How the lines of a text stand to each other."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


def _drawable(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character != "\n" for character in text):
        message = "must not contain control characters other than line breaks"
        raise ValueError(message)
    return text


class TextLayer(Contract):
    """Text; `x` and `y` are the centre of its lines.

    Attributes:
        font: Id of a font of the catalogue.
        size: Height of the font's em, as a fraction of the area's width.
    """

    text: Annotated[str, StringConstraints(min_length=1, max_length=300), AfterValidator(_drawable)]
    font: Annotated[str, StringConstraints(min_length=1, max_length=60)] = "inter"
    color: Hex = "#000000"
    size: Annotated[float, Field(ge=0.01, le=1)] = 0.08
    x: Position = 0.5
    y: Position = 0.5
    rotation: Angle = 0.0
    align: TextAlign = TextAlign.CENTER


class Background(Contract):
    """What is behind everything: a colour, and on it a background picture of ours where one is chosen."""

    color: Hex = "#ffffff"
    picture: DecorationName | None = None


StyleParameters = Annotated[dict[str, Annotated[str, StringConstraints(max_length=200)]], Field(max_length=8)]
"""What an AI template is given: `style`, `keyword`, `optional_text`, `team`."""


class DesignDocument(Contract):
    """A whole design. Drawn in this order: background, photos, stickers, texts; later ones lie on earlier ones.

    Attributes:
        photos: One for each slot of the template, in the template's order.
        ai: Style parameters of an AI template whose picture is not made yet; its one photo is then what the AI works from.
    """

    version: Literal[1] = 1
    template_id: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    background: Background = Background()
    photos: Annotated[tuple[PhotoLayer, ...], Field(max_length=6)] = ()
    stickers: Annotated[tuple[StickerLayer, ...], Field(max_length=40)] = ()
    texts: Annotated[tuple[TextLayer, ...], Field(max_length=20)] = ()
    ai: StyleParameters | None = None

    @property
    def photo_names(self) -> tuple[str, ...]:
        """The customer's pictures, each once."""
        names = [layer.photo for layer in self.photos] + [layer.photo for layer in self.stickers if layer.photo]
        return tuple(dict.fromkeys(names))

    @property
    def decoration_names(self) -> tuple[str, ...]:
        """Our stickers and background, each once."""
        names = [layer.sticker for layer in self.stickers if layer.sticker]
        names += [self.background.picture] if self.background.picture else []
        return tuple(dict.fromkeys(names))


class WarningCode(StrEnum):
    """What a customer should know before paying; none of these keeps them from it."""

    LOW_RESOLUTION = "low_resolution"
    EMPTY_AREA = "empty_area"
    TRANSPARENT_AREA = "transparent_area"
    TEXT_OUTSIDE = "text_outside"
    BEHIND_CAMERA = "behind_camera"
    MISSING_CHARACTER = "missing_character"


class DesignWarning(Contract):
    """One remark about a design.

    Attributes:
        message: For the customer: plain words, and what to do about it.
        layer: What it is about, `photos[0]`; empty for the whole design.
    """

    code: WarningCode
    message: str
    layer: str = ""
    facts: dict[str, str | int | float] = Field(default_factory=dict)


class ComposeRequest(Contract):
    """The shell that a design is drawn for: 1390 px × round(1390 × height_mm / width_mm).

    Attributes:
        model_id: The manufacturer's `MM…`, by which the camera's place is known.
    """

    width_mm: float
    height_mm: float
    model_id: str = ""


class DesignNames(Contract):
    """Under which names a drawn document is kept: all of them fresh, and as hard to guess as a key.

    Attributes:
        token: Of the document, to go on with it later.
        final: Of the print file; to order this upload is to order the design.
        preview: Of the small picture.
    """

    token: FileName
    final: FileName
    preview: FileName


class RenderDesign(Contract):
    """Ask: draw a document for a shell and store what comes out.

    Attributes:
        pictures: Every picture that the document names, photos by public name and decorations by theirs, as stored.
        names: Where the result is also to be written down, and not only stored.
    """

    document: DesignDocument
    shell_id: str
    compose: ComposeRequest
    pictures: dict[str, StoredImage] = Field(default_factory=dict)
    names: DesignNames | None = None
    at: Instant

    @property
    def pixels(self) -> int:
        """Return how many pixels are read to draw it: those of a picture as often as it is used."""
        document = self.document
        names = [layer.photo for layer in document.photos] + [layer.sticker or layer.photo for layer in document.stickers]
        used = (self.pictures.get(name) for name in [*names, document.background.picture] if name)
        return sum(image.width * image.height for image in used if image)

    @property
    def render_id(self) -> UUID:
        """Name the drawing by all that it is made of, so that the same again is not drawn twice on one day.

        A drawing of another day may have been removed from the bucket since.
        """
        content = self.model_copy(update={"pictures": dict(sorted(self.pictures.items()))})
        text = f"{self.at:%Y-%m-%d}\n{content.model_dump_json(exclude={'at', 'names'})}"
        return uuid5(_RENDERS, sha256(text.encode()).hexdigest())

    def with_generated(self, name: str, image: StoredImage) -> "RenderDesign":
        """Return the same with the AI's picture in the place of the photo that it was made from."""
        layers = tuple(layer.model_copy(update={"photo": name}) for layer in self.document.photos[:1]) or (
            PhotoLayer(photo=name),
        )
        document = self.document.model_copy(update={"photos": layers, "ai": None})
        return self.model_copy(update={"document": document, "pictures": {**self.pictures, name: image}})


def render_workflow_id(render_id: UUID) -> str:
    """Return the id of the one workflow that draws this."""
    return f"render-{render_id}"


class Design(Contract):
    """A document that was drawn.

    Attributes:
        print_image: The print file, `print/<sha256>.png`: what the customer approves and what is printed.
        preview: WebP of at most 100 KB, of the same pixels.
    """

    print_image: StoredImage
    preview: StoredImage
    shell_id: str
    renderer_version: str
    warnings: tuple[DesignWarning, ...] = ()


class Refusal(Contract):
    """Why something cannot be done as asked; `message` is for the customer."""

    code: RefusalCode
    message: str
    facts: dict[str, str | int | float] = Field(default_factory=dict)


class RenderResult(Contract):
    """How a drawing ended: exactly one of the two."""

    design: Design | None = None
    refusal: Refusal | None = None


class KeptDesign(Contract):
    """A drawn document as it is written down."""

    names: DesignNames
    document: DesignDocument
    design: Design
    at: Instant


class ComposedDesign(Contract):
    """A drawn document before it is stored; bytes never enter a Temporal payload.

    Attributes:
        data: PNG, sRGB, as it is printed.
        preview: WebP.
    """

    data: bytes
    sha256: Sha256
    width: int
    height: int
    preview: bytes
    preview_width: int
    preview_height: int
    renderer_version: str
    warnings: tuple[DesignWarning, ...] = ()
