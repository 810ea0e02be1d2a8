"""Phone models and the shells that are made for them."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Millimetres


class PhoneModel(Base):
    """A phone.

    Attributes:
        id: Slug of ours, `iphone-15-pro`.
        manufacturer_model_id: `MM…`.
        match_names: Normalised spellings by which an order may name it.
    """

    __tablename__ = "phone_models"
    __table_args__ = (UniqueConstraint("manufacturer_model_id"), Index(None, "brand_id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    brand_id: Mapped[str] = mapped_column(ForeignKey("brands.id"))
    display_name: Mapped[str]
    manufacturer_model_id: Mapped[str]
    match_names: Mapped[list[str]]
    is_available: Mapped[bool] = mapped_column(server_default=text("true"))
    display_order: Mapped[int] = mapped_column(server_default=text("0"))


class Shell(Base):
    """One kind of case for one phone. The printable size belongs to it and not to the phone: one phone can have several.

    Attributes:
        id: The manufacturer's `MS…`.
        is_recorded: False where the size is an assumption of ours that nobody has measured.
    """

    __tablename__ = "shells"
    __table_args__ = (
        CheckConstraint("width_mm BETWEEN 30 AND 200 AND height_mm BETWEEN 100 AND 300", name="size"),
        Index("uq_shells_default", "phone_model_id", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    phone_model_id: Mapped[str] = mapped_column(ForeignKey("phone_models.id"))
    width_mm: Mapped[Millimetres]
    height_mm: Mapped[Millimetres]
    kind: Mapped[str]
    is_default: Mapped[bool]
    is_recorded: Mapped[bool] = mapped_column(server_default=text("true"))
