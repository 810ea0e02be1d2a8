"""Brands of phones."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class Brand(Base):
    """A brand as customers see it, and as the manufacturer knows it.

    Attributes:
        id: Slug of ours, `iphone`.
        is_listed: Whether customers see it; one that is listed and not available is shown greyed out.
        match_names: Normalised spellings by which an order may name it (`models.catalog.match_name`).
    """

    __tablename__ = "brands"
    __table_args__ = (UniqueConstraint("manufacturer_brand_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    display_name: Mapped[str]
    native_name: Mapped[str]
    manufacturer_brand_id: Mapped[str]
    match_names: Mapped[list[str]]
    frame_color: Mapped[str]
    button_color: Mapped[str]
    subtitle: Mapped[str]
    is_listed: Mapped[bool]
    is_available: Mapped[bool]
    display_order: Mapped[int]
