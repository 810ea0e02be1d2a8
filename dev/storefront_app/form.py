"""The design page's form: all of it is read into the draft, whatever becomes of it afterwards."""

import math
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData, UploadFile

from dev.storefront_app.draft import Buyer, Draft, Line, Slot, Sticker

_PLACE = ("x", "y", "rotation")
MAX_STICKERS, MAX_LINES = 40, 20
ADD_ONS = {"screen-protector": ("Screen protector", 799)}
"""What the storefront offers with a case; the API has no list of it, and compares the sum (pence) with its own."""


def fill(draft: Draft, form: FormData) -> None:
    """Read a design form into a draft; files are not part of it."""
    words = {name: value for name, value in form.items() if isinstance(value, str)}
    draft.style = words.get("style", draft.style)
    draft.words = words.get("words", draft.words)
    draft.background_color = words.get("background_color", draft.background_color)
    draft.background_picture = words.get("background_picture", "")
    for number, slot in enumerate(draft.slots):
        slot.fit = words.get(f"fit_{number}", slot.fit)
        _read_numbers(slot, words, number, ("zoom", "offset_x", "offset_y", "rotation"), "photo_")
    draft.stickers = [_sticker(words, number) for number in range(MAX_STICKERS) if f"sticker_{number}" in words]
    draft.lines = [_line(words, number) for number in range(MAX_LINES) if words.get(f"text_{number}", "").strip()]
    _apply_button(draft, words)


def files(draft: Draft, form: FormData) -> dict[int, UploadFile]:
    """The photos that were chosen, by their slot."""
    chosen = {number: form.get(f"photo_{number}") for number in range(len(draft.slots))}
    return {number: file for number, file in chosen.items() if isinstance(file, UploadFile) and file.filename}


def fill_buyer(draft: Draft, form: FormData) -> None:
    """Read the checkout's form into a draft."""
    typed = {name: value for name, value in form.items() if isinstance(value, str) and name in Buyer.model_fields}
    draft.buyer = draft.buyer.model_copy(update=typed)
    draft.add_ons = [name for name in ADD_ONS if name in form]


def with_slots(draft: Draft, count: int) -> None:
    """Give a draft as many slots as its template has; the photos of the others wait for another template."""
    slots = [*draft.slots, *draft.spare, *(Slot() for _ in range(count))]
    draft.slots, draft.spare = slots[:count], [slot for slot in slots[count:] if slot.photo]


def _sticker(words: Mapping[str, str], number: int) -> Sticker:
    sticker = Sticker(name=words[f"sticker_{number}"])
    _read_numbers(sticker, words, number, (*_PLACE, "width"), "sticker_")
    return sticker


def _line(words: Mapping[str, str], number: int) -> Line:
    line = Line(text=words[f"text_{number}"].replace("\r\n", "\n").strip())
    line.font = words.get(f"text_font_{number}", line.font)
    line.color = words.get(f"text_color_{number}", line.color)
    _read_numbers(line, words, number, (*_PLACE, "size"), "text_")
    return line


def _read_numbers(layer: Any, words: Mapping[str, str], number: int, names: tuple[str, ...], prefix: str) -> None:
    for name in names:
        try:
            value = float(words[f"{prefix}{name}_{number}"])
        except (KeyError, ValueError):
            continue
        if math.isfinite(value):
            setattr(layer, name, value)


def _apply_button(draft: Draft, words: Mapping[str, str]) -> None:
    """Do what the pressed button says of a list: `add_sticker`, `remove_sticker`, `remove_text`."""
    if (added := words.get("add_sticker")) and len(draft.stickers) < MAX_STICKERS:
        draft.stickers.append(Sticker(name=added))
    for button, listed in (("remove_sticker", draft.stickers), ("remove_text", draft.lines)):
        number = words.get(button, "")
        if number.isascii() and number.isdigit() and int(number) < len(listed):
            del listed[int(number)]
