"""What things cost, and where they cost nothing."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base, Currency, Id, Pence


class Price(Base):
    """The price of a template or an add-on from a moment on; the newest one that has begun is charged.

    A price is never changed, a newer one is added: what a customer was charged stays explainable.
    """

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("num_nonnulls(template_id, add_on_id) = 1", name="one_thing"),
        CheckConstraint("amount >= 0", name="amount"),
        UniqueConstraint("template_id", "add_on_id", "currency", "valid_from", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[Id]
    template_id: Mapped[str | None] = mapped_column(ForeignKey("templates.id"))
    add_on_id: Mapped[str | None] = mapped_column(ForeignKey("add_ons.id"))
    amount: Mapped[Pence]
    currency: Mapped[Currency]
    valid_from: Mapped[datetime]


class Promotion(Base):
    """A machine that gives cases away, at most `daily_cap` on one day (UTC)."""

    __tablename__ = "promotions"
    __table_args__ = (
        CheckConstraint("daily_cap > 0", name="daily_cap"),
        CheckConstraint("ends_at > starts_at", name="period"),
        Index("uq_promotions_active", "device_id", unique=True, postgresql_where=text("is_active")),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    is_active: Mapped[bool]
    daily_cap: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


class PromotionDay(Base):
    """How often a promotion was used on one day.

    The CHECK makes the insert of one order too many fail as a whole, however many customers try in the same moment. A cancelled
    order does not give its place back.
    """

    __tablename__ = "promotion_days"
    __table_args__ = (CheckConstraint("used <= cap", name="within_cap"),)

    promotion_id: Mapped[str] = mapped_column(ForeignKey("promotions.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]
    cap: Mapped[int]
