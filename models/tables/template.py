"""Templates that a design starts from, their AI styles, and what can be bought with a case."""

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.catalog import StyleParameter, TemplateCategory
from models.tables.base import Base, Id


class Template(Base):
    """A layout (`classic`, `4-in-1`) or an AI look (`retro-remix`); `image_count` photos go into it."""

    __tablename__ = "templates"
    __table_args__ = (CheckConstraint("image_count BETWEEN 1 AND 6", name="image_count"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    category: Mapped[TemplateCategory]
    image_count: Mapped[int]
    features: Mapped[list[str]]
    match_names: Mapped[list[str]]
    is_active: Mapped[bool]
    display_order: Mapped[int]


class AIStyle(Base):
    """One choice that an AI template offers, under the parameter by which the storefront sends it."""

    __tablename__ = "ai_styles"
    __table_args__ = (UniqueConstraint("template_id", "parameter", "name"),)

    id: Mapped[Id]
    template_id: Mapped[str] = mapped_column(ForeignKey("templates.id"))
    parameter: Mapped[StyleParameter]
    name: Mapped[str]
    is_active: Mapped[bool]
    display_order: Mapped[int]


class AddOn(Base):
    """Something that can be bought with a case."""

    __tablename__ = "add_ons"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_active: Mapped[bool]
