"""From a design document to pixels: background, photos, the template's lines, stickers, texts, each over the ones before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyvips

from adapters.rendering import checks
from adapters.rendering.areas import Corners, camera_warnings, corners_of, text_warnings
from adapters.rendering.drawing import Canvas, Piece, Placement, Source, open_picture, open_rgba, place, solid
from adapters.rendering.film import BLACK, film_border
from adapters.rendering.layout import FILM_BORDER, Box, Template, lines_of, slots_of, template_of
from adapters.rendering.photo_formats import damaged
from adapters.rendering.texts import draw_text
from models.artwork import print_size
from models.design import ComposeRequest, DesignDocument, DesignWarning, Fit, PhotoLayer, StickerLayer, TextLayer
from models.errors import OrderRefused, RefusalCode

_MM_PER_INCH: Final = 25.4
_OPAQUE: Final = (0, 0, 0, 255)


@dataclass(frozen=True, slots=True)
class Composition:
    """A drawn document: sRGB in memory, in the print file's size."""

    pixels: pyvips.Image
    warnings: tuple[DesignWarning, ...]


def compose(document: DesignDocument, request: ComposeRequest, pictures: Mapping[str, bytes]) -> Composition:
    """Draw a document. `pictures` has the bytes of all that it names.

    Raises `OrderRefused` for a design or a picture that cannot be printed well, `ValueError` for a shell that no phone has.
    """
    template = template_of(document.template_id)
    checks.check_template(document, template)
    try:
        return _Drawing(document, template, request, pictures).draw()
    except pyvips.Error as error:
        raise damaged() from error


class _Drawing:
    """One document on its way to pixels."""

    def __init__(
        self, document: DesignDocument, template: Template, request: ComposeRequest, pictures: Mapping[str, bytes]
    ) -> None:
        width, height = print_size(request.width_mm, request.height_mm)
        self._document = document
        self._template = template
        self._model_id = request.model_id
        self._pictures = pictures
        self._dpi = width / request.width_mm * _MM_PER_INCH
        self._canvas = Canvas(width, height, document.background.color)
        self._box = self._canvas.box
        self._warnings: list[DesignWarning] = []
        self._is_drawn = False

    def draw(self) -> Composition:
        self._draw_background()
        self._draw_photos()
        self._draw_lines()
        for number, sticker in enumerate(self._document.stickers):
            self._draw_sticker(number, sticker)
        for number, text in enumerate(self._document.texts):
            self._draw_text(number, text)
        checks.check_not_blank(is_drawn=self._is_drawn)
        return Composition(self._canvas.pixels(), tuple(self._warnings))

    def _draw_background(self) -> None:
        name = self._document.background.picture
        if name is None:
            return
        source = self._open(name)
        piece = place(source, _in_slot(source, PhotoLayer(photo="background"), self._box))
        self._draw_seen(piece)

    def _draw_photos(self) -> None:
        slots = slots_of(self._template, self._box.width, self._box.height)
        bare = float(sum(slot.area for slot in slots))
        for number, (layer, slot) in enumerate(zip(self._document.photos, slots, strict=True)):
            bare -= self._draw_photo(number, layer, slot)
        if self._document.background.picture is None:
            self._warnings += checks.check_empty(bare / self._box.area)

    def _draw_photo(self, number: int, layer: PhotoLayer, slot: Box) -> float:
        """Draw a photo and return how many pixels of its slot lie within its edges, transparent ones included."""
        source = self._open(layer.photo)
        placement = _in_slot(source, layer, slot)
        self._warnings += checks.check_resolution(number, self._dpi / placement.scale)
        piece = place(source, placement)
        covered = _covered(source, placement, piece)
        painted = self._draw_seen(piece)
        self._warnings += checks.check_seen(number, covered)
        if self._document.background.picture is None:
            self._warnings += checks.check_transparent(number, (covered - painted) / self._box.area)
        return covered

    def _draw_lines(self) -> None:
        for line in lines_of(self._template, self._box.width, self._box.height):
            self._canvas.draw(Piece(solid(line.width, line.height, BLACK), line))
        if self._template.is_film:
            border = film_border(self._box.height)
            for left in (0, self._box.width - FILM_BORDER):
                self._canvas.draw(Piece(border, Box(left, 0, FILM_BORDER, self._box.height)))

    def _draw_sticker(self, number: int, layer: StickerLayer) -> None:
        name = layer.sticker or layer.photo
        if name is None or (layer.sticker and layer.photo):
            raise OrderRefused(
                f"Sticker {number + 1} must be a sticker of ours or a photo: one of the two. Please choose it again.",
                code=RefusalCode.BAD_DESIGN,
            )
        source = self._open(name)
        scale = layer.width * self._box.width / source.width
        placement = Placement(layer.x * self._box.width, layer.y * self._box.height, scale, layer.rotation, self._box)
        if layer.photo is not None:
            self._warnings += checks.check_sticker_resolution(number, self._dpi / scale)
        self._draw_seen(place(source, placement))
        block = (round(source.width * scale), round(source.height * scale))
        self._warnings += camera_warnings(
            f"stickers[{number}]",
            self._corners((0, 0, *block), block, layer),
            width=self._box.width,
            height=self._box.height,
            model_id=self._model_id,
        )

    def _draw_text(self, number: int, layer: TextLayer) -> None:
        text = draw_text(layer, width=self._box.width)
        placement = Placement(layer.x * self._box.width, layer.y * self._box.height, 1, layer.rotation, self._box)
        self._draw_seen(place(open_rgba(text.rgba, text.width, text.height), placement))
        self._warnings += checks.check_characters(number, text.missing)
        self._warnings += text_warnings(
            number,
            self._corners(text.ink, (text.width, text.height), layer),
            width=self._box.width,
            height=self._box.height,
            model_id=self._model_id,
        )

    def _draw_seen(self, piece: Piece | None) -> float:
        """Draw a piece if there is one, and return how many pixels it covers."""
        if piece is None:
            return 0
        self._canvas.draw(piece)
        painted = piece.painted
        self._is_drawn |= painted > 0
        return painted

    def _corners(self, box: tuple[int, int, int, int], block: tuple[int, int], layer: StickerLayer | TextLayer) -> Corners:
        centre = (layer.x * self._box.width, layer.y * self._box.height)
        return corners_of(box, block=block, centre=centre, rotation=layer.rotation)

    def _open(self, name: str) -> Source:
        data = self._pictures.get(name)
        if data is None:
            raise OrderRefused(
                "One of the pictures in your design is not there any more. Please choose it again.",
                code=RefusalCode.UNKNOWN_PICTURE,
                facts={"name": name},
            )
        return open_picture(data)


def _in_slot(source: Source, layer: PhotoLayer, slot: Box) -> Placement:
    """Say where a photo goes in its slot before it is cut off there."""
    ratios = (slot.width / source.width, slot.height / source.height)
    fitting = max(ratios) if layer.fit is Fit.COVER else min(ratios)
    return Placement(
        x=slot.left + slot.width * (0.5 + layer.offset_x),
        y=slot.top + slot.height * (0.5 + layer.offset_y),
        scale=fitting * layer.zoom,
        rotation=layer.rotation,
        clip=slot,
    )


def _covered(source: Source, placement: Placement, piece: Piece | None) -> float:
    """Return how many pixels lie within a placed picture's edges."""
    if piece is None:
        return 0
    if placement.rotation % 90 == 0:
        return piece.box.area
    outline = Source(source.width, source.height, lambda _: solid(source.width, source.height, _OPAQUE))
    whole = place(outline, placement)
    return whole.painted if whole is not None else 0
