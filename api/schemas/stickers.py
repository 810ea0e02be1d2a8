"""Answers about stickers and backgrounds."""

from collections.abc import Callable, Sequence
from typing import Self

from pydantic import BaseModel

from api.stickers import Pack, Size
from models.decoration import Decoration

Url = Callable[[Decoration, Size], str]


class DecorationItem(BaseModel):
    """One sticker or background.

    Attributes:
        name: What a design document calls it.
    """

    name: str
    number: str
    width: int
    height: int
    url: str
    highres_url: str
    thumbnail_url: str

    @classmethod
    def of(cls, decoration: Decoration, url: Url) -> Self:
        return cls(
            name=decoration.name,
            number=decoration.number,
            width=decoration.picture.width,
            height=decoration.picture.height,
            url=url(decoration, Size.PICTURE),
            highres_url=url(decoration, Size.HIGHRES),
            thumbnail_url=url(decoration, Size.THUMBNAIL),
        )


class StickerCategory(BaseModel):
    """A pack of stickers.

    Attributes:
        id: The folder in paths and names.
        name: For people.
    """

    id: str
    name: str
    count: int
    stickers: list[DecorationItem]

    @classmethod
    def of(cls, pack: Pack, url: Url) -> Self:
        items = _items(pack, url)
        return cls(id=pack.name, name=_title(pack.name), count=len(items), stickers=items)


class StickerCategories(BaseModel):
    """Answer of `/api/stickers/categories`."""

    success: bool
    categories: list[StickerCategory]

    @classmethod
    def of(cls, packs: Sequence[Pack], url: Url) -> Self:
        return cls(success=True, categories=[StickerCategory.of(pack, url) for pack in packs])


class StickerLink(BaseModel):
    """Answer of `/api/stickers/url/…`."""

    url: str


class BackgroundPack(BaseModel):
    """Background pictures that go together."""

    id: str
    name: str
    backgrounds: list[DecorationItem]


class Backgrounds(BaseModel):
    """Answer of `/api/backgrounds`."""

    success: bool
    packs: list[BackgroundPack]

    @classmethod
    def of(cls, packs: Sequence[Pack], url: Url) -> Self:
        return cls(
            success=True,
            packs=[BackgroundPack(id=pack.name, name=_title(pack.name), backgrounds=_items(pack, url)) for pack in packs],
        )


def _items(pack: Pack, url: Url) -> list[DecorationItem]:
    return [DecorationItem.of(one, url) for one in pack.decorations]


def _title(pack: str) -> str:
    """`POP-ART` is Pop art."""
    return pack.replace("-", " ").replace("_", " ").capitalize()
