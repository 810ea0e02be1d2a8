"""What can be wrong with a design although all of it can be drawn: found before anyone pays."""

from typing import Final

from adapters.rendering.layout import Template
from models.design import DesignDocument, DesignWarning, WarningCode
from models.errors import OrderRefused, RefusalCode

GOOD_DPI: Final = 200
"""Pixels of a photo per printed inch; with fewer it begins to look soft."""
LEAST_DPI: Final = 100
"""With fewer, single pixels can be seen on a case in the hand."""

MAX_EMPTY: Final = 0.25
"""Part of a case that may show its background colour alone before it looks like a mistake."""
MAX_TRANSPARENT: Final = 0.01
"""Part of a case where a photo may be transparent; less is the smooth edge of something that was cut out."""


def check_template(document: DesignDocument, template: Template) -> None:
    """Raise `OrderRefused` (`BAD_DESIGN`) unless there is one photo for each place of the template."""
    needed, given = template.photos, len(document.photos)
    if needed == given:
        return
    photos = "one photo" if needed == 1 else f"{needed} photos"
    raise OrderRefused(
        f"This template needs exactly {photos}, and your design has {given or 'none'}. Please add or remove some.",
        code=RefusalCode.BAD_DESIGN,
        facts={"template_id": document.template_id, "needed": needed, "given": given},
    )


def check_resolution(number: int, dpi: float) -> list[DesignWarning]:
    """Say what a photo's printed resolution (source pixels per inch) means; `number` is its place in the document, from 0.

    Raises `OrderRefused` (`LOW_RESOLUTION`) for one that cannot look right.
    """
    facts: dict[str, str | int | float] = {"photo": number + 1, "dpi": round(dpi), "good_dpi": GOOD_DPI, "least_dpi": LEAST_DPI}
    if dpi >= GOOD_DPI:
        return []
    if dpi < LEAST_DPI:
        raise OrderRefused(
            f"Photo {number + 1} would be printed with {dpi:.0f} dots per inch, and at least {LEAST_DPI} are needed. "
            "Please zoom out, or choose a photo with more pixels.",
            code=RefusalCode.LOW_RESOLUTION,
            facts=facts,
        )
    message = (
        f"Photo {number + 1} has few pixels for its size ({dpi:.0f} dots per inch) and may look soft. "
        "Zoom out, or choose a larger one, to print it sharp."
    )
    return [DesignWarning(code=WarningCode.LOW_RESOLUTION, message=message, layer=f"photos[{number}]", facts=facts)]


def check_sticker_resolution(number: int, dpi: float) -> list[DesignWarning]:
    """Say the same of a customer's own picture as a sticker, which is small and never refused for it."""
    if dpi >= GOOD_DPI:
        return []
    message = (
        f"Your sticker has few pixels for its size ({dpi:.0f} dots per inch) and may look soft. "
        "Make it smaller to print it sharp."
    )
    facts: dict[str, str | int | float] = {"dpi": round(dpi), "good_dpi": GOOD_DPI}
    return [DesignWarning(code=WarningCode.LOW_RESOLUTION, message=message, layer=f"stickers[{number}]", facts=facts)]


def check_seen(number: int, covered: float) -> list[DesignWarning]:
    """Say that a photo was moved out of its place, so that nothing of it is printed; `covered` is in pixels."""
    if covered > 0:
        return []
    message = f"Nothing of photo {number + 1} can be seen: it was moved out of its place. Move it back to print it."
    return [DesignWarning(code=WarningCode.EMPTY_AREA, message=message, layer=f"photos[{number}]")]


def check_empty(part: float) -> list[DesignWarning]:
    """Say that much of the case, as a part of 1, shows nothing but the background colour."""
    if part <= MAX_EMPTY:
        return []
    message = (
        f"About {part:.0%} of your case has no photo on it and will show the background colour. "
        "Zoom in or move your photo to fill it, if that is not what you want."
    )
    return [DesignWarning(code=WarningCode.EMPTY_AREA, message=message, facts={"part": round(part, 3)})]


def check_transparent(number: int, part: float) -> list[DesignWarning]:
    """Say that a photo is transparent where only the background colour is behind it; `part` is of the whole case."""
    if part <= MAX_TRANSPARENT:
        return []
    message = f"Photo {number + 1} is transparent in places; the background colour will be printed there."
    facts: dict[str, str | int | float] = {"photo": number + 1, "part": round(part, 3)}
    return [DesignWarning(code=WarningCode.TRANSPARENT_AREA, message=message, layer=f"photos[{number}]", facts=facts)]


def check_characters(number: int, missing: str) -> list[DesignWarning]:
    """Say which characters of a text are not printed, because no font of ours has them."""
    if not missing:
        return []
    message = f"These characters cannot be printed and will be left out: {' '.join(missing)}. Please use other ones."
    layer = f"texts[{number}]"
    return [DesignWarning(code=WarningCode.MISSING_CHARACTER, message=message, layer=layer, facts={"characters": missing})]


def check_not_blank(*, is_drawn: bool) -> None:
    """Raise `OrderRefused` (`BAD_DESIGN`) where a case would be printed with nothing on it."""
    if not is_drawn:
        raise OrderRefused(
            "Your case would be printed blank: none of your photos, stickers and texts is on it. Please move something onto it.",
            code=RefusalCode.BAD_DESIGN,
        )
