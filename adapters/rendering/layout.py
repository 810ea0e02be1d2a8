"""Where each template puts its photos, in pixels of the print file."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from models.artwork import PRINT_WIDTH
from models.errors import OrderRefused, RefusalCode

STOREFRONT_WIDTH: Final = 278
"""CSS pixels of the case on the storefront's design screen, for which its 2 px lines and 20 px film borders were chosen."""

_SCALE: Final = PRINT_WIDTH / STOREFRONT_WIDTH
LINE: Final = round(2 * _SCALE)
"""Pixels of the black line between two photos: 0.5 mm in print."""
FILM_BORDER: Final = round(20 * _SCALE)
"""Pixels of the perforated border at either side of a film strip."""
FILM_GAP: Final = round(6 * _SCALE)
"""Pixels of film above, between and below its photos."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    @property
    def area(self) -> int:
        return self.width * self.height

    def cut(self, other: "Box") -> "Box | None":
        """Return what both cover; None where that is nothing."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        width, height = min(self.right, other.right) - left, min(self.bottom, other.bottom) - top
        return Box(left, top, width, height) if width > 0 and height > 0 else None


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it is printed.

    Attributes:
        rows: Photos beside each other in each row, from the top.
        is_film: The photos are frames of a film strip.
    """

    rows: tuple[int, ...] = (1,)
    is_film: bool = False

    @property
    def photos(self) -> int:
        return sum(self.rows)


_FULL: Final = Template()

TEMPLATES: Final = {
    "classic": _FULL,
    "2-in-1": Template(rows=(1, 1)),
    "3-in-1": Template(rows=(1, 1, 1)),
    "4-in-1": Template(rows=(2, 2)),
    "film-strip": Template(rows=(1, 1, 1), is_film=True),
    "retro-remix": _FULL,
    "cover-shoot": _FULL,
    "funny-toon": _FULL,
    "glitch-pro": _FULL,
    "footy-fan": _FULL,
}
"""By the catalogue's id."""


def template_of(template_id: str) -> Template:
    """Return the template. Raises `OrderRefused` (`UNKNOWN_TEMPLATE`) for one that is not drawn here."""
    template = TEMPLATES.get(template_id)
    if template is None:
        raise OrderRefused(
            f"We have no template named “{template_id}”. Please choose another one.",
            code=RefusalCode.UNKNOWN_TEMPLATE,
            facts={"template_id": template_id, "known": ", ".join(TEMPLATES)},
        )
    return template


def slots_of(template: Template, width: int, height: int) -> tuple[Box, ...]:
    """Return where the photos go, in the document's order: row by row, from left to right. They never overlap."""
    side, margin, gap = (FILM_BORDER, FILM_GAP, FILM_GAP) if template.is_film else (0, 0, LINE)
    slots = []
    for (top, tall), columns in zip(_parts(margin, height - margin, len(template.rows), gap), template.rows, strict=True):
        slots += [Box(left, top, wide, tall) for left, wide in _parts(side, width - side, columns, gap)]
    return tuple(slots)


def _parts(start: int, end: int, count: int, gap: int) -> list[tuple[int, int]]:
    """Divide a length into `count` parts with gaps between them: where each begins, and its size, one pixel more or less."""
    edges = [start + round((end - start + gap) * number / count) for number in range(count + 1)]
    return [(this, following - gap - this) for this, following in pairwise(edges)]


def lines_of(template: Template, width: int, height: int) -> tuple[Box, ...]:
    """Return what is black between the photos; of a film strip also what is around them."""
    slots = slots_of(template, width, height)
    gap = FILM_GAP if template.is_film else LINE
    tops = sorted({slot.top for slot in slots})
    across = [Box(0, top - gap, width, gap) for top in tops if top >= gap]
    if template.is_film:
        sides = [Box(left, 0, FILM_BORDER, height) for left in (0, width - FILM_BORDER)]
        return (*across, Box(0, height - FILM_GAP, width, FILM_GAP), *sides)
    down = [Box(slot.left - gap, slot.top, gap, slot.height) for slot in slots if slot.left > 0]
    return (*across, *down)
