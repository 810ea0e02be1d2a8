"""Fonts, colours, stickers and backgrounds that the storefront offers."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.catalog import ColorKind
from models.decoration import DecorationKind
from models.tables.base import Base, Id


class Font(Base):
    """A font for texts on the case."""

    __tablename__ = "fonts"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    css_style: Mapped[str]
    font_weight: Mapped[str]
    google_font_url: Mapped[str | None]
    is_active: Mapped[bool]
    display_order: Mapped[int]


class Color(Base):
    """A colour for texts or backgrounds."""

    __tablename__ = "colors"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        CheckConstraint("hex_value ~ '^#[0-9a-f]{6}$'", name="hex_value"),
    )

    id: Mapped[Id]
    kind: Mapped[ColorKind]
    name: Mapped[str]
    hex_value: Mapped[str]
    css_background: Mapped[str]
    css_border: Mapped[str]
    is_active: Mapped[bool]
    display_order: Mapped[int]


class Decoration(Base):
    """A sticker or a background picture.

    Attributes:
        key: Pack and number, reduced to what identifies them (`models.decoration.decoration_key`).
        picture: A `StoredImage`, as are the two smaller ones.
        source: Hash of the file that it was made of, and of the way it was made.
        changed_at: When it was imported in its present form.
    """

    __tablename__ = "decorations"

    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[DecorationKind]
    pack: Mapped[str]
    number: Mapped[str]
    picture: Mapped[dict[str, Any]]
    highres: Mapped[dict[str, Any]]
    thumbnail: Mapped[dict[str, Any]]
    source: Mapped[str]
    display_order: Mapped[int]
    is_active: Mapped[bool]
    changed_at: Mapped[datetime]
