"""Stickers and background pictures: ours, not customers', and the same for everybody."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from models.artwork import StoredImage
from models.base import Contract, Sha256
from models.catalog import match_name

FOLDER = "stickers"
"""Where decorations are kept in the bucket."""

BACKGROUND_PREFIX = "BACKGROUND-"
"""Begins a background's name in design documents: packs of stickers and of backgrounds are called alike."""

_PICTURE_ENDINGS = (".png", ".webp", ".jpg", ".jpeg")
_SAME_PACK = {"grafitti": "graffiti"}
"""A pack that the storefront spells in two ways."""


class DecorationKind(StrEnum):
    """What a decoration is laid on a case as."""

    STICKER = "sticker"
    BACKGROUND = "background"


def pack_key(pack: str) -> str:
    """Reduce a pack's name to what identifies it: `POP-ART` and `pop art` are one pack, and so are GRAFFITI and GRAFITTI."""
    key = match_name(pack)
    prefix = match_name(BACKGROUND_PREFIX)
    if key.startswith(prefix):
        return prefix + _SAME_PACK.get(key.removeprefix(prefix), key.removeprefix(prefix))
    return _SAME_PACK.get(key, key)


def decoration_key(name: str) -> str:
    """Reduce a name, `<pack>/<number>`, to what identifies it; `.png` and other endings are ignored.

    Raises `ValueError` for what is not a name.
    """
    pack, slash, number = name.partition("/")
    for ending in _PICTURE_ENDINGS:
        if number.lower().endswith(ending):
            number = number[: -len(ending)]
            break
    key = pack_key(pack)
    number = match_name(number) if "/" not in number else ""
    if not slash or not key or not number:
        raise ValueError(f"{name!r} does not name a sticker")
    return f"{key}/{number}"


class Decoration(Contract):
    """A sticker or a background, in three sizes.

    Attributes:
        pack: As the storefront spells it, without the prefix of backgrounds.
        number: Within its pack; usually one.
        picture: As it is printed.
        highres: The same pixels as WebP, to be shown large.
        thumbnail: Small, to be chosen from.
        source: What it was made of and how; the same again is not made anew.
    """

    kind: DecorationKind
    pack: str
    number: str
    picture: StoredImage
    highres: StoredImage
    thumbnail: StoredImage
    source: Sha256
    display_order: Annotated[int, Field(ge=0)]
    is_active: bool = True

    @property
    def folder(self) -> str:
        """Return what its pack is called in design documents and paths."""
        return f"{BACKGROUND_PREFIX}{self.pack}" if self.kind is DecorationKind.BACKGROUND else self.pack

    @property
    def name(self) -> str:
        """Return what it is called in design documents."""
        return f"{self.folder}/{self.number}"

    @property
    def key(self) -> str:
        """Return what identifies it, however it is spelled."""
        return decoration_key(self.name)
